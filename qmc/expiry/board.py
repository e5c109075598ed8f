"""The expiry board: everything that can expire, what will happen to it, and who is responsible. No HTTP."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.dateparse import parse_date, parse_datetime

from attention.expiring import Endless, Expiring, Happens
from pki.core import clocks, lifetime

CERTIFICATES = frozenset({"root", "service", "client", "cluster", "server"})
FARTHEST_YEARS = 100


@dataclass(frozen=True)
class BoardRow(Expiring):
    """One thing with an expiry date, as seen on `as_of`."""

    now: datetime
    as_of: datetime

    @property
    def days_left(self) -> int:
        return lifetime.days_left(self.not_after, self.as_of)

    @property
    def distance(self) -> str:
        """The time between the expiry date and `as_of`, in words."""
        if self.not_after < self.as_of and self.as_of > self.now:
            return f"{clocks.length(self.as_of - self.not_after)} before"
        return clocks.relative(self.not_after, self.as_of)

    @property
    def left(self) -> str:
        """The time until it expires, in words."""
        return f"expired {self.distance}" if self.not_after < self.as_of else clocks.length(self.not_after - self.as_of)

    @property
    def thing(self) -> str:
        """As the subject of a sentence."""
        if self.kind == "server":
            return f"the browser certificate {self.subject}"
        if self.kind in CERTIFICATES:
            return f"the {self.kind_word} certificate of {self.owner}"
        words = {
            "revocation_list": f"the revocation list of {self.owner}",
            "token": f"the API token {self.subject}",
            "export": f"the export {self.subject}",
        }
        return words.get(self.kind, f"the {self.subject}")

    @property
    def expiry_status(self) -> str:
        return lifetime.expiry_status(self.not_before, self.not_after, self.as_of).value

    @property
    def bucket(self) -> str:
        return lifetime.bucket(self.not_after, self.as_of)

    @property
    def what_happens(self) -> str:
        return self.wording.happens.value

    @property
    def needs_a_hand(self) -> bool:
        return self.wording.happens == Happens.BY_HAND

    @property
    def matters(self) -> bool:
        """Whether something stops when it expires."""
        return self.needs_a_hand or (self.kind in CERTIFICATES and bool(self.holder))

    @property
    def due_at(self) -> datetime | None:
        return self.wording.due_at

    @property
    def acts_at(self) -> datetime:
        """When it is due, or when it expires if it is never due."""
        return self.due_at or self.not_after

    @property
    def before(self) -> bool:
        """Whether that is before `as_of`, for an `as_of` in the future."""
        return self.now < self.as_of and self.acts_at <= self.as_of

    @property
    def replaced(self) -> bool:
        """Whether it is replaced automatically before that day."""
        return self.before and not self.needs_a_hand

    @property
    def explanation(self) -> str:
        if self.before:
            return f"{'Due' if self.due_at else 'Expires'} before this day. {self.wording.text}"
        if self.due_at and self.due_at <= self.now:
            return f"Due now. {self.wording.text}"
        return self.wording.text

    def has(self, text: str) -> bool:
        """Whether a search for `text` finds it."""
        return text.casefold() in " ".join((self.kind_word, self.subject, self.holder, self.owner)).casefold()


@dataclass(frozen=True)
class Group:
    """Things of one kind that expire, or are due, at about the same time."""

    kind: str
    first: datetime
    last: datetime
    count: int
    by_hand: int


@dataclass(frozen=True)
class Board:
    """Everything that expires, counted: the things in each bucket, and in `waiting_totals` those that require an action.

    `next` is the next thing to expire that matters, if one does. Unused browser certificates, and lists that are signed each day, do not. `waiting` is the first
    thing that requires an action.
    """

    now: datetime
    as_of: datetime
    totals: dict[str, int]
    waiting_totals: dict[str, int]
    without_end: list[Endless]
    next: BoardRow | None = None
    waiting: BoardRow | None = None

    @property
    def count(self) -> int:
        return sum(self.totals.values())

    @property
    def by_hand(self) -> int:
        return sum(self.waiting_totals.values())


def farthest(now: datetime) -> datetime:
    return lifetime.add_months(now, 12 * FARTHEST_YEARS)


def as_of_read(text: str, *, now: datetime) -> datetime:
    """A day (its first second, UTC; today: now) or an RFC 3339 time. Raises: ValueError with what to give instead."""
    remedy = "Give a day such as 2028-03-01, or a time such as 2028-03-01T12:00:00Z (write + as %2B in an address)"
    try:
        day = parse_date(text)
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{text[:40]!r} is neither a day nor a time with a time zone. {remedy}.")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        moment = datetime.max.replace(tzinfo=UTC)
    if not now - timedelta(days=1) <= moment <= farthest(now):
        raise ValueError(f"{text[:40]} is not between today and {clocks.day(farthest(now))}. {remedy}.")
    return max(now, moment)
