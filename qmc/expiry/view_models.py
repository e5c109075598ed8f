"""View models of the expiry board, without its rows: title, totals, filter, and the days to choose from."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pki.core import clocks, lifetime
from qmc.expiry.board import Board, BoardRow, as_of_read, farthest
from qmc.expiry.everything import Everything
from qmc.expiry.filters import BUCKET_WORDS
from qmc.expiry.rows import Asked
from qmc.expiry.timeline import Timeline, height_of, timeline
from web.words import counted

SOON = ("expired", "7_days", "30_days", "90_days")
YEARS_AHEAD = ((1, "+1 year"), (2, "+2 years"), (5, "+5 years"))


def looked_from(text: str, *, now: datetime) -> tuple[datetime, str]:
    """The requested day, and what is wrong with it. A wrong day becomes today."""
    try:
        return (as_of_read(text, now=now) if text else now), ""
    except ValueError as exc:
        return now, str(exc)


@dataclass(frozen=True)
class Tile:
    """One bucket's total. `waiting` counts those that require an action. `chosen`: the table shows this bucket only."""

    name: str
    title: str
    count: int
    waiting: int
    chosen: bool

    @property
    def alarms(self) -> bool:
        return self.waiting > 0 and self.name in SOON

    @property
    def explanation(self) -> str:
        if self.waiting:
            return f"action required for {self.waiting}"
        return "automatic" if self.count else "none"


@dataclass(frozen=True)
class Choice:
    """A day to choose. `value` is None for today."""

    label: str
    value: str | None
    chosen: bool


@dataclass(frozen=True)
class ExpiryPage:
    """The board as the page shows it, except the table and the picture. Days are in the form of the address: 2026-11-29.

    `filters` are the filters in force, which the form for another day keeps. `day_problem` says why the requested day cannot be shown.
    """

    board: Board
    title: str
    subtitle: str
    tiles: list[Tile]
    choices: list[Choice]
    picture_height: int
    day: str
    today: str
    farthest: str
    filters: list[tuple[str, str]]
    day_problem: str

    @property
    def is_ahead(self) -> bool:
        return self.board.as_of > self.board.now


def _expires(row: BoardRow) -> str:
    return f"expired {row.distance}" if row.expiry_status == "expired" else f"expires {row.distance}"


def headline(board: Board, coming: tuple[int, int] = (0, 0)) -> tuple[str, str]:
    """The title and the sentence below it: what expires next, and how many things require an action. Both together count every such row.

    For a day in the future, `coming` are the numbers of things that act before it, automatically and by hand.
    """
    if board.next is None:
        return "Nothing expires", "Nothing has been signed yet."
    if board.as_of > board.now:
        return _headline_ahead(board, *coming)
    first, waiting = board.next, board.waiting
    soon, undated = sum(board.waiting_totals[bucket] for bucket in SOON), [endless for endless in board.without_end if endless.needs_a_hand]
    rest = f"{counted(board.count, 'thing has', 'things have')} an expiry date; for {board.count - board.by_hand} of them everything is automatic."
    if (waiting is not None and soon) or undated:
        named = f" within 90 days: {waiting.thing} {_expires(waiting)}" if waiting is not None and soon else f": {undated[0].subject}"
        title = f"{counted(soon + len(undated), 'thing needs', 'things need')} your attention{named}"
        later = f"Later {counted(board.by_hand - soon, 'more does', 'more do')}. " if board.by_hand > soon else ""
        is_named = bool(soon) and waiting is not None and first.identity == waiting.identity
        return title, later + (rest if is_named else f"Next: {first.thing} {_expires(first)}. {rest}")
    if waiting is not None:
        title = f"Nothing needs your attention within 90 days, {counted(board.by_hand, 'thing does', 'things do')} later: {waiting.thing} {_expires(waiting)}"
        return title, f"Next: {first.thing} {_expires(first)}. {rest}"
    return f"Nothing needs your attention: {first.thing} {_expires(first)}", rest


def _headline_ahead(board: Board, automatic: int, hands: int) -> tuple[str, str]:
    day = clocks.day(board.as_of)
    if not automatic + hands:
        return f"Until {day} nothing has to happen", "New certificates of the time until then are not shown."
    itself = counted(automatic, "automatic renewal or replacement", "automatic renewals or replacements")
    title = f"Until {day}: {itself}, {counted(hands, 'thing needs', 'things need')} your attention"
    return title, f"This counts the {board.count} things that exist today. New certificates of the time until then are not shown."


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _choices(board: Board) -> list[Choice]:
    ahead = board.as_of > board.now
    days = [(label, _day(lifetime.add_months(board.now, 12 * years))) for years, label in YEARS_AHEAD]
    return [Choice("today", None, not ahead), *(Choice(label, day, day == _day(board.as_of)) for label, day in days)]


def expiry_page(board: Board, asked: Asked, *, coming: tuple[int, int], kinds: Collection[str], day_problem: str = "") -> ExpiryPage:
    """Everything that the page shows, except the table and the picture, which has a lane for each of `kinds`."""
    title, subtitle = headline(board, coming)
    tiles = [
        Tile(name, BUCKET_WORDS[name], count, board.waiting_totals[name], name == asked.bucket) for name, count in board.totals.items()
    ]
    return ExpiryPage(
        board=board,
        title=title,
        subtitle=subtitle,
        tiles=tiles,
        choices=_choices(board),
        picture_height=height_of(len(kinds)),
        day=_day(board.as_of),
        today=_day(board.now),
        farthest=_day(farthest(board.now)),
        filters=[(name, value) for name, value in vars(asked).items() if value],
        day_problem=day_problem,
    )


@dataclass(frozen=True)
class PicturePage:
    """The picture of the expiry dates, seen from `day`. `day_problem` says why the requested day cannot be shown."""

    timeline: Timeline
    day: str
    day_problem: str


def picture_page(every: Everything, day_problem: str = "") -> PicturePage:
    """Raises: ZoneMissing."""
    return PicturePage(timeline(every.counts.groups, every.counts.dues, every.as_of), _day(every.as_of), day_problem)
