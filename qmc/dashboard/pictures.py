"""Pictures of numbers. Only numbers and words: `templates/cotton/bars.html` and `columns.html` draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pki.core import clocks

ROW, LABEL_AT, BAR_AT, BAR = 34, 13, 19, 8
# Of columns, in pixels: the height of the highest, and the space above it and below the axis.
HIGHEST, LOWEST, ABOVE, BELOW = 96, 2, 20, 22
# A column takes this share of the space between two.
SHARE = 0.62
WEEK, WEEKS = timedelta(days=7), 13


@dataclass(frozen=True)
class Bar:
    """One number with its word. `color` repeats what the word says. `width` is in percent of the longest."""

    label: str
    count: int
    color: str
    url: str
    width: float
    label_y: int
    bar_y: int


@dataclass(frozen=True)
class Bars:
    """Numbers as horizontal bars, each with its word and its number beside it."""

    bars: list[Bar]

    @property
    def height(self) -> int:
        return ROW * len(self.bars)

    @property
    def bar_height(self) -> int:
        return BAR

    @property
    def description(self) -> str:
        return ", ".join(f"{bar.label}: {bar.count}" for bar in self.bars) + "."


def bars(numbers: Sequence[tuple[str, int, str, str]]) -> Bars:
    """Of (word, number, color, address of the list), in their order."""
    longest = max((count for _, count, _, _ in numbers), default=0) or 1
    return Bars(
        [
            Bar(label, count, color, url, round(100 * count / longest, 2), ROW * place + LABEL_AT, ROW * place + BAR_AT)
            for place, (label, count, color, url) in enumerate(numbers)
        ]
    )


@dataclass(frozen=True)
class Column:
    """The number of one week. x and width are in percent, y and height in pixels. `tick` is the word below it, at `tick_x`; not each has one."""

    days: str
    count: int
    word: str
    x: float
    middle: float
    y: float
    height: float
    tick: str
    tick_x: float
    anchor: str


@dataclass(frozen=True)
class Columns:
    """Numbers by week as columns, each with its number above it. `width` is that of a column, in percent."""

    columns: list[Column]
    width: float

    @property
    def total(self) -> int:
        """Of all weeks."""
        return sum(column.count for column in self.columns)

    @property
    def height(self) -> int:
        return ABOVE + HIGHEST + BELOW

    @property
    def axis_y(self) -> int:
        return ABOVE + HIGHEST

    @property
    def tick_y(self) -> int:
        return self.height - 6

    @property
    def description(self) -> str:
        if not self.total:
            return "None."
        most = max(self.columns, key=lambda column: column.count)
        return f"{self.total} in {len(self.columns)} weeks; most from {most.days}: {most.count}."


def begin_of_weeks(now: datetime) -> datetime:
    """When the first of the last 13 weeks began: at midnight UTC. The last week ends today."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - WEEK * WEEKS + timedelta(days=1)


def columns(counts: Mapping[date, int], now: datetime) -> Columns:
    """Of the number of each day that has one, in UTC."""
    begin, sums = begin_of_weeks(now), [0] * WEEKS
    for day, count in counts.items():
        if 0 <= (week := (day - begin.date()) // WEEK) < WEEKS:
            sums[week] += count
    highest, space = max(sums) or 1, 100 / WEEKS
    return Columns([_column(week, begin + WEEK * week, count, highest, space) for week, count in enumerate(sums)], round(space * SHARE, 2))


def _column(week: int, begin: datetime, count: int, highest: int, space: float) -> Column:
    height = round(max(HIGHEST * count / highest, LOWEST if count else 0), 1)
    days = f"{clocks.day(begin)} to {clocks.day(begin + WEEK - timedelta(days=1))}"
    x, middle, tick = (week + (1 - SHARE) / 2) * space, (week + 0.5) * space, f"{begin:%-d %b}" if week % 4 == 0 else ""
    # The words of the first and the last week end with the picture.
    tick_x, anchor = {0: (0.0, "start"), WEEKS - 1: (100.0, "end")}.get(week, (middle, "middle"))
    y = ABOVE + HIGHEST - height
    return Column(days, count, short(count), round(x, 2), round(middle, 2), y, height, tick, round(tick_x, 2), anchor)


def short(count: int) -> str:
    """A number in at most four letters, for a narrow column."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 10_000 else f"{count // 1000}k"
