"""The picture of the expiry dates of the 60 months after a day, with one lane for each kind. Only numbers: the template draws them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from attention.expiring import KINDS
from pki.core import clocks
from pki.core.lifetime import add_months
from qmc.expiry.board import BoardRow

MONTHS = 60
# Shares of the width: expired things, the start and the end of the axis, things after its end.
ENDED, FIRST, LAST, BEYOND = 0.02, 0.07, 0.93, 0.98
# Marks closer than this become one. This is the width of a mark on a phone.
NEAR = 0.045
LANE, TOP, DUE, LINE, FOOT = 56, 8, 24, 35, 24


@dataclass(frozen=True)
class Mark:
    """One or several expiry dates, or due dates, of a lane. `shape` is itself, hand or due. x is in percent, y in pixels. `count` is a word."""

    x: float
    y: int
    shape: str
    count: str
    title: str


@dataclass(frozen=True)
class Lane:
    """One kind: its word, the vertical positions of its parts, and its marks."""

    label: str
    label_y: int
    line_y: int
    marks: list[Mark]


@dataclass(frozen=True)
class Tick:
    """A year's line."""

    x: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """The picture. `description` is its text alternative."""

    height: int
    axis_y: int
    label_y: int
    first: float
    last: float
    lanes: list[Lane]
    ticks: list[Tick]
    root_ends: list[float]
    description: str


def place(moment: datetime, start: datetime) -> float:
    """The position of a moment, as a share of the width."""
    end = add_months(start, MONTHS)
    if moment < start:
        return ENDED
    return BEYOND if moment > end else FIRST + (LAST - FIRST) * ((moment - start) / (end - start))


def _groups(rows: Iterable[tuple[datetime, BoardRow]], start: datetime) -> list[tuple[float, list[tuple[datetime, BoardRow]]]]:
    """Groups of marks that are close together, each at the position of its first."""
    groups: list[tuple[float, list[tuple[datetime, BoardRow]]]] = []
    for moment, row in sorted(rows, key=lambda timed: timed[0]):
        x = place(moment, start)
        if groups and x - groups[-1][0] < NEAR and (x in (ENDED, BEYOND)) == (groups[-1][0] in (ENDED, BEYOND)):
            groups[-1][1].append((moment, row))
        else:
            groups.append((x, [(moment, row)]))
    return groups


def _days(moments: list[datetime]) -> str:
    first, last = clocks.day(min(moments)), clocks.day(max(moments))
    return first if first == last else f"{first} to {last}"


def _mark(x: float, y: int, label: str, group: list[tuple[datetime, BoardRow]], *, due: bool) -> Mark:
    rows = [row for _, row in group]
    hands = sum(row.needs_a_hand for row in rows)
    when = _days([moment for moment, _ in group])
    what = f"{len(rows)} × {label}" if len(rows) > 1 else f"{label} of {rows[0].owner}"
    if due:
        return Mark(round(100 * x, 2), y, "due", "", f"{what}: due {when}, automatic")
    several = len(rows) > 1
    happens = f"action required for {hands} of {len(rows)}" if hands and several else "action required" if hands else "automatic"
    count = (f"{hands}/{len(rows)}" if 0 < hands < len(rows) else str(len(rows))) if several else ""
    return Mark(round(100 * x, 2), y, "hand" if hands else "itself", count, f"{what}: expires {when}, {happens}")


def _lane(label: str, rows: list[BoardRow], top: int, start: datetime) -> Lane:
    line = top + LINE
    due = _groups(((row.due_at, row) for row in rows if row.due_at and row.due_at >= start), start)
    ends = _groups(((row.not_after, row) for row in rows), start)
    marks = [_mark(x, top + DUE, label, group, due=True) for x, group in due] + [
        _mark(x, line, label, group, due=False) for x, group in ends
    ]
    return Lane(label, top + 14, line, marks)


def _description(label: str, rows: list[BoardRow]) -> str:
    hands = sum(row.needs_a_hand for row in rows)
    action = f"; action required for {hands}" if hands else ""
    return f"{label}: {len(rows)}, expiring {_days([row.not_after for row in rows])}{action}."


def timeline(rows: list[BoardRow], start: datetime) -> Timeline:
    """The lanes of the kinds that exist, always in the same order."""
    by_kind = {label: found for kind, label in KINDS.items() if (found := [row for row in rows if row.kind == kind])}
    lanes = [_lane(label, found, TOP + number * LANE, start) for number, (label, found) in enumerate(by_kind.items())]
    axis = TOP + len(lanes) * LANE
    years = [add_months(start, months) for months in range(0, MONTHS + 1, 12)]
    ticks = [Tick(round(100 * place(year, start), 2), f"{year:%b} ’{year:%y}") for year in years]
    roots = sorted({round(100 * place(row.not_after, start), 2) for row in rows if row.kind == "root"})
    return Timeline(
        height=axis + FOOT, axis_y=axis, label_y=axis + 16, first=100 * FIRST, last=100 * LAST, lanes=lanes, ticks=ticks,
        root_ends=[x for x in roots if 100 * FIRST < x <= 100 * LAST], description=" ".join(_description(*group) for group in by_kind.items()),
    )  # fmt: skip
