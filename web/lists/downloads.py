"""All rows that a list's filters leave, as a CSV or JSON file. Rows are read in batches, so the memory stays the same for any number of rows."""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.utils.encoders import JSONEncoder

BATCH = 500
FORMULA = ("=", "+", "-", "@", "\t", "\r")
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_encoder = JSONEncoder(ensure_ascii=False)
Batches = Iterator[list[dict[str, Any]]]


def download(kind: str, name: str, batches: Batches, columns: Sequence[str]) -> StreamingHttpResponse:
    """The file as an answer. `kind` is one of TYPES."""
    lines = csv_lines(batches, columns) if kind == "csv" else _json(batches)
    return StreamingHttpResponse(lines, content_type=TYPES[kind], headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'})


def cell(value: Any) -> str:
    """A value as a cell. Spreadsheets would run a text that begins like a formula, so it gets an apostrophe (OWASP, CSV injection)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return str(_encoder.default(value))
    text = (
        _encoder.encode(value) if isinstance(value, dict) else " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    )
    return f"'{text}" if text.startswith(FORMULA) else text


class _Line:
    """A file that returns each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(batches: Batches, columns: Sequence[str], *, note: str = "") -> Iterator[str]:
    """The lines of a CSV file. A `note` is its first line, before the names of the columns."""
    writer = csv.writer(_Line())
    yield (writer.writerow([note]) if note else "") + writer.writerow(columns)
    for rows in batches:
        yield "".join(writer.writerow([cell(row[name]) for name in columns]) for row in rows)


def _json(batches: Batches) -> Iterator[str]:
    before = "[\n"
    for rows in batches:
        if rows:
            yield before + ",\n".join(_encoder.encode(row) for row in rows)
            before = ",\n"
    yield "\n]\n" if before != "[\n" else "[]\n"
