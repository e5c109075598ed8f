"""What commands print: tables and blocks for people, JSON for scripts. Values of the site never move the cursor."""

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.errors import CommandError, Refused
from cli.site import Row

GAP = 2
FRACTION = re.compile(r"(?<=^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+(?=Z$)")  # parts of a second, which tables do not show
LEAST_COLUMN = 12  # a terminal with less for each column gets blocks instead of a table
STYLES = {
    "registered": "green", "issued": "green", "valid": "green", "done": "green", "made": "green", "ok": "green", "yes": "green",
    "failed": "red", "expired": "red", "critical": "red", "problem": "red", "revoked": "red", "blocker": "red",
    "awaiting_password": "yellow", "warning": "yellow", "expiring": "yellow", "refused": "yellow", "open": "yellow",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    title: str
    value: Callable[[Row], Any] | str  # a function of the row, or the name of its field

    def text(self, row: Row) -> str:
        return printable(self.value(row) if callable(self.value) else row.get(self.value))


def columns(*titles: str) -> tuple[Column, ...]:
    """Columns of the fields with these names."""
    return tuple(Column(title.replace("_", " "), title) for title in titles)


def printable(value: Any) -> str:
    """A value in one line. Control characters are escaped."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(printable(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=True)
    value = FRACTION.sub("", str(value))
    return "".join(repr(each)[1:-1] if unicodedata.category(each)[0] == "C" else each for each in value)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # Rich would end the process with another code


def console(*, error: bool = False) -> Console:
    return _Console(file=sys.stderr if error else sys.stdout, highlight=False, markup=False, emoji=False)


def line(text: str, *, error: bool = False, style: str = "") -> None:
    """A line. It is wrapped between words on a terminal, and nowhere else."""
    out = console(error=error)
    out.print(Text(text, style=style), soft_wrap=not out.is_terminal)


def document(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def table(shown: Sequence[Column], rows: Iterable[Row], *, nothing: str) -> None:
    """A table; on a narrow terminal one block for each row. `nothing` is said on standard error if there are no rows."""
    cells = [[column.text(row) for column in shown] for row in rows]
    if not cells:
        line(nothing, error=True)
        return
    out = console()
    widths = [max(cell_len(text) for text in (column.title, *texts)) for column, texts in zip(shown, zip(*cells, strict=True), strict=True)]
    if not out.is_terminal:
        for row in ([column.title for column in shown], *cells):
            line((" " * GAP).join(text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)).rstrip())
        return
    if out.width < sum(widths) + GAP * (len(shown) - 1) and out.width < LEAST_COLUMN * len(shown):
        for number, row in enumerate(cells):
            _block(out, [column.title for column in shown], row, is_first=number == 0)
        return
    out.print(_drawn(shown, cells))


def drawn(shown: Sequence[Column], rows: Iterable[Row]) -> Table:
    """A table for a terminal, to be shown again."""
    return _drawn(shown, [[column.text(row) for column in shown] for row in rows])


def _drawn(shown: Sequence[Column], cells: Iterable[Sequence[str]]) -> Table:
    made = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    for column in shown:
        made.add_column(Text(column.title), overflow="fold")
    for row in cells:
        made.add_row(*(Text(text, style=STYLES.get(text, "")) for text in row))
    return made


def item(row: Row, shown: Sequence[Column] = ()) -> None:
    """One object as a block; without `shown`, all its fields."""
    fields = shown or columns(*row)
    _block(console(), [column.title for column in fields], [column.text(row) for column in fields], is_first=True)


def _block(out: Console, titles: Iterable[str], texts: Iterable[str], *, is_first: bool) -> None:
    if not is_first:
        out.print()
    for title, text in zip(titles, texts, strict=True):
        out.print(Text.assemble((f"{title}: ", "bold"), (text, STYLES.get(text, ""))), soft_wrap=True)


def refusal(exc: CommandError, *, as_json: bool) -> None:
    """What happened, why, what to do next; on standard error."""
    if as_json:
        sys.stderr.write(json.dumps(exc.problem | {"exit_code": int(exc.exit_code)}, ensure_ascii=False) + "\n")
        return
    line(printable(exc.detail), error=True, style="red")
    if isinstance(exc, Refused):
        findings = [each for each in exc.problem.get("findings") or () if each.get("level") != "ok"]
        for finding in findings:
            line(printable(f"{finding.get('level')}: {finding.get('title')} {finding.get('remedy')}"), error=True)
        for error in () if findings else exc.problem.get("errors") or ():
            if str(error.get("message")) not in exc.detail:
                line(printable(f"{error.get('field') or error.get('code')}: {error.get('message')}"), error=True)
    if exc.remedy:
        line(printable(exc.remedy), error=True)
