"""The picture of the expiry dates of the 60 months after a day, with one lane for each kind. Only numbers: the template draws them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from attention.expiring import KINDS
from pki.core import clocks
from pki.core.lifetime import add_months
from qmc.expiry.board import Group

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
class KindNumbers:
    """The number of things of one kind, when they expire, and for how many of them a person must act."""

    label: str
    count: int
    days: str
    by_hand: int


@dataclass(frozen=True)
class Timeline:
    """The picture. `description` is its text alternative, and `numbers` are those of its lanes."""

    height: int
    axis_y: int
    label_y: int
    first: float
    last: float
    lanes: list[Lane]
    ticks: list[Tick]
    root_ends: list[float]
    description: str
    numbers: list[KindNumbers]


def place(moment: datetime, start: datetime) -> float:
    """The position of a moment, as a share of the width."""
    end = add_months(start, MONTHS)
    if moment < start:
        return ENDED
    return BEYOND if moment > end else FIRST + (LAST - FIRST) * ((moment - start) / (end - start))


def _near(groups: Iterable[Group], start: datetime) -> list[tuple[float, list[Group]]]:
    """Groups whose marks are close together, each at the position of its first."""
    found: list[tuple[float, list[Group]]] = []
    for group in sorted(groups, key=lambda group: group.first):
        x = place(group.first, start)
        if found and x - found[-1][0] < NEAR and (x in (ENDED, BEYOND)) == (found[-1][0] in (ENDED, BEYOND)):
            found[-1][1].append(group)
        else:
            found.append((x, [group]))
    return found


def _days(groups: Iterable[Group]) -> str:
    first, last = clocks.day(min(group.first for group in groups)), clocks.day(max(group.last for group in groups))
    return first if first == last else f"{first} to {last}"


def _mark(x: float, y: int, label: str, groups: list[Group], *, due: bool) -> Mark:
    number, hands = sum(group.count for group in groups), sum(group.by_hand for group in groups)
    when, several = _days(groups), number > 1
    what = f"{number} × {label}" if several else label
    if due:
        return Mark(round(100 * x, 2), y, "due", "", f"{what}: due {when}, automatic")
    happens = f"action required for {hands} of {number}" if hands and several else "action required" if hands else "automatic"
    count = (f"{hands}/{number}" if 0 < hands < number else str(number)) if several else ""
    return Mark(round(100 * x, 2), y, "hand" if hands else "itself", count, f"{what}: expires {when}, {happens}")


def _lane(label: str, groups: list[Group], dues: list[Group], top: int, start: datetime) -> Lane:
    line = top + LINE
    due = _near((group for group in dues if group.last >= start), start)
    marks = [_mark(x, top + DUE, label, found, due=True) for x, found in due]
    marks += [_mark(x, line, label, found, due=False) for x, found in _near(groups, start)]
    return Lane(label, top + 14, line, marks)


def _numbers(label: str, groups: list[Group]) -> KindNumbers:
    return KindNumbers(label, sum(group.count for group in groups), _days(groups), sum(group.by_hand for group in groups))


def _description(kind: KindNumbers) -> str:
    action = f"; action required for {kind.by_hand}" if kind.by_hand else ""
    return f"{kind.label}: {kind.count}, expiring {kind.days}{action}."


def height_of(kinds: int) -> int:
    """The height of the picture with so many lanes."""
    return TOP + kinds * LANE + FOOT


def timeline(groups: list[Group], dues: list[Group], start: datetime) -> Timeline:
    """The lanes of the kinds that exist, always in the same order."""
    by_kind = {kind: found for kind in KINDS if (found := [group for group in groups if group.kind == kind])}
    lanes = [
        _lane(KINDS[kind], found, [group for group in dues if group.kind == kind], TOP + number * LANE, start)
        for number, (kind, found) in enumerate(by_kind.items())
    ]
    axis = TOP + len(lanes) * LANE
    years = [add_months(start, months) for months in range(0, MONTHS + 1, 12)]
    ticks = [Tick(round(100 * place(year, start), 2), f"{year:%b} ’{year:%y}") for year in years]
    roots = sorted({round(100 * place(group.first, start), 2) for group in by_kind.get("root", [])})
    numbers = [_numbers(KINDS[kind], found) for kind, found in by_kind.items()]
    return Timeline(
        height=height_of(len(lanes)), axis_y=axis, label_y=axis + 16, first=100 * FIRST, last=100 * LAST, lanes=lanes, ticks=ticks,
        root_ends=[x for x in roots if 100 * FIRST < x <= 100 * LAST], description=" ".join(map(_description, numbers)), numbers=numbers,
    )  # fmt: skip
