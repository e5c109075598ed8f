"""Read a table of nodes: CSV as spreadsheets write it. Every line is read, and every error has its line. Uses neither the database nor the network."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nodes.inventory.services import field_errors
from nodes.inventory.tags import notes_stored, tags_stored
from web.lists.downloads import FORMULA

REQUIRED = ("name", "host_name")
LISTS = ("subject_alternative_names", "services", "tags")
PORTS = ("distribution_port", "node_port")
COLUMNS = (*REQUIRED, "address", *PORTS, *LISTS, "notes")
SEPARATORS = (",", ";", "\t")
LARGEST_BYTES, MOST_LINES = 960 * 1024, 10_000  # a request has at most 1 MiB
NO_HEADINGS = "The first line must have the names of the columns, at least name and host_name."


@dataclass(frozen=True)
class Wrong:
    """What is wrong in a line, and in which column; "" for the line as a whole."""

    line: int
    column: str
    text: str


@dataclass(frozen=True)
class Line:
    """A line of the file with the fields of its node, as the services expect them."""

    number: int
    fields: Mapping[str, Any]

    @property
    def label(self) -> str:
        return str(self.fields["name"] or self.fields["host_name"])


@dataclass
class Table:
    """All lines, and what is wrong in them."""

    lines: list[Line] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)

    def add(self, number: int, fields: dict[str, Any]) -> None:
        """A line with these fields, and what is wrong with each."""
        if "tags" in fields:
            fields["tags"] = tags_stored(fields["tags"])
        if "notes" in fields:
            fields["notes"] = notes_stored(fields["notes"])
        self.lines.append(Line(number, fields))
        for column, texts in field_errors(fields).items():
            for text in texts:
                self.refuse(number, column, text)

    def refuse(self, line: int, column: str, text: str) -> None:
        self.wrong.append(Wrong(line, column, text))


def table_read(content: bytes) -> Table:
    """The table in a file, or the reason why it cannot be read."""
    table = Table()
    if len(content) > LARGEST_BYTES:
        table.refuse(1, "", f"The file has more than {LARGEST_BYTES // 1024} KiB. Split it.")
        return table
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        table.refuse(line, "", "This line is not UTF-8. Save the file as CSV with the encoding UTF-8.")
        return table
    _read(text, table)
    return table


def _read(text: str, table: Table) -> None:
    rows = _rows(text, table)
    number, headings = next(rows, (1, []))
    names = [re.sub(r"[\s-]+", "_", heading.strip().lower()) for heading in headings]
    _check_headings(number, names, table)
    if not set(REQUIRED) <= set(names):
        table.refuse(number, "", NO_HEADINGS)
        return
    for number, cells in rows:
        if len(table.lines) == MOST_LINES:
            table.refuse(number, "", f"The file has more than {MOST_LINES:,} nodes. Split it.")
            return
        _check_line(number, names, cells, table)
    if not table.lines and not table.wrong:
        table.refuse(number + 1, "", "The file has no nodes. Write one node on each line below the names of the columns.")


def _rows(text: str, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not empty, with its number. A cell can have line breaks, so a row can have several lines; its number is that of the first."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, [_unquoted(cell.strip()) for cell in cells]
            number = reader.line_num + 1
    except csv.Error as exc:
        table.refuse(number, "", f"This line cannot be read: {exc}. Check its quotation marks. The lines below it were not read.")


def _separator(text: str) -> str:
    """The separator of the headings: the one that divides them most often."""
    first = text.lstrip("\r\n").partition("\n")[0]
    return max(SEPARATORS, key=first.count)


def _unquoted(cell: str) -> str:
    """Without the apostrophe that our own files have before a text that a spreadsheet would run as a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _check_headings(number: int, names: Sequence[str], table: Table) -> None:
    for place, name in enumerate(names):
        if name and name not in COLUMNS:
            table.refuse(number, name[:64], f"There is no column “{name[:64]}”. Use: {', '.join(COLUMNS)}.")
        elif name and name in names[:place]:
            table.refuse(number, name, f"The column {name} is there twice.")


def _check_line(number: int, names: Sequence[str], cells: Sequence[str], table: Table) -> None:
    if any(cells[len(names) :]):
        table.refuse(
            number,
            "",
            f"This line has {len(cells)} cells, and the first line has {len(names)}. Put cells with separators into quotation marks.",
        )
    fields: dict[str, Any] = {"name": "", "host_name": ""}
    for name, cell in zip(names, cells, strict=False):
        if name in PORTS and cell:
            fields[name] = int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 6 else 0
        elif name in LISTS:
            fields[name] = re.split(r"[\s,;|]+", cell) if cell else []
        elif name in COLUMNS and name not in PORTS:
            fields[name] = cell
    table.add(number, fields)
