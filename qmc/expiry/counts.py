"""Everything that expires, counted by the database in one query."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import BooleanField, Case, CharField, Count, DateTimeField, F, Max, Min, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Left

from attention.expiring import ExpiringTable, Forecast
from pki.core import lifetime
from qmc.expiry.board import BoardRow, Group

SOONER = "sooner"  # instead of the month in which rows are due: not later than the day of the board


class Tally(NamedTuple):
    """Rows of a table that agree in the first six values. `period` is the bucket in which they expire, and `month` the month.

    `due` is the month in which they are due, empty if their own age decides nothing.
    """

    source: str
    kind: str
    period: str
    month: str
    due: str
    by_hand: bool
    rows: int
    first: datetime
    last: datetime
    first_due: datetime | None
    last_due: datetime | None


@dataclass(frozen=True)
class Counts:
    """The counts of everything: the few rows, and the tallies of the tables."""

    as_of: datetime
    few: Sequence[BoardRow]
    tallies: Sequence[Tally]
    forecasts: Mapping[str, Forecast | None]

    @property
    def groups(self) -> list[Group]:
        """Everything by its expiry date: groups of one kind and period."""
        found: dict[tuple[str, ...], Group] = {}
        for tally in self.tallies:
            key = tally.source, tally.kind, tally.period, tally.month
            known = found.get(key) or Group(tally.kind, tally.first, tally.last, 0, 0)
            ends, hands = (min(known.first, tally.first), max(known.last, tally.last)), tally.rows if tally.by_hand else 0
            found[key] = Group(tally.kind, *ends, known.count + tally.rows, known.by_hand + hands)
        return [*(_group(row, row.not_after) for row in self.few), *found.values()]

    @property
    def dues(self) -> list[Group]:
        """The automatic replacements after the day of the board, by the month in which they are due."""
        found = [_group(row, row.due_at) for row in self.few if row.due_at]
        for source, forecast in self.forecasts.items():
            found += _dues([tally for tally in self.tallies if tally.source == source and not tally.by_hand], forecast) if forecast else []
        return found

    @property
    def coming(self) -> tuple[int, int]:
        """How many things act before the day of the board: automatically, and by hand. Things act when they are due, or else when they expire."""
        few = [row for row in self.few if row.before]
        automatic, by_hand = sum(not row.needs_a_hand for row in few), sum(row.needs_a_hand for row in few)
        for tally in self.tallies:
            expired = self.bucket(tally) == "expired"
            if tally.by_hand:
                by_hand += tally.rows if expired else 0
            elif expired or tally.due == SOONER:
                automatic += tally.rows
        return automatic, by_hand

    def number(self, matches: Callable[[Tally], bool]) -> int:
        """The rows of the tallies that match."""
        return sum(tally.rows for tally in self.tallies if matches(tally))

    def earliest(self, matches: Callable[[Tally], bool]) -> dict[str, datetime]:
        """The table with the first row to expire of the tallies that match, if one matches, and when that expires."""
        found = min((tally for tally in self.tallies if matches(tally)), key=lambda tally: tally.first, default=None)
        return {found.source: found.first} if found else {}

    def bucket(self, tally: Tally) -> str:
        return lifetime.bucket(tally.first, self.as_of)


def _group(row: BoardRow, at: datetime) -> Group:
    return Group(row.kind, at, at, 1, int(row.needs_a_hand))


def _dues(tallies: Sequence[Tally], forecast: Forecast) -> Iterator[Group]:
    """Groups of the rows of one table that are renewed automatically. Those without a time of their own are due at `rest_at`."""
    at: dict[tuple[str, str], Group] = {}
    rest, rest_at = Counter[str](), forecast.rest_at
    for tally in tallies:
        first, last = tally.first_due, tally.last_due
        if not tally.due or first is None or last is None:
            rest[tally.kind] += tally.rows
        elif tally.due != SOONER:
            known = at.get((tally.kind, tally.due)) or Group(tally.kind, first, last, 0, 0)
            at[tally.kind, tally.due] = Group(tally.kind, min(known.first, first), max(known.last, last), known.count + tally.rows, 0)
    for group in at.values():
        yield replace(group, first=min(group.first, rest_at), last=min(group.last, rest_at)) if rest_at else group
    if rest_at is not None:
        yield from (Group(kind, rest_at, rest_at, count, 0) for kind, count in rest.items() if count > 0)


def _begins(as_of: datetime) -> dict[str, datetime]:
    """When each bucket begins, the earliest first, without that of expired things. The same decisions as `pki.core.lifetime.bucket`."""
    ends = [0, *(days for _, days in lifetime.BUCKETS)]
    return {name: as_of + timedelta(days=days) for name, days in zip(lifetime.BUCKET_NAMES[1:], ends, strict=True)}


def in_bucket(name: str, as_of: datetime) -> Q:
    """The rows in a bucket."""
    begins = _begins(as_of)
    following = dict(zip(lifetime.BUCKET_NAMES, [*begins.values(), None], strict=True))[name]
    found = Q(not_after__gte=begins[name]) if name in begins else Q()
    return found & Q(not_after__lt=following) if following else found


def counted(few: Sequence[BoardRow], tables: Mapping[str, ExpiringTable], now: datetime, as_of: datetime) -> Counts:
    """Count the rows of the tables, together with the few."""
    forecasts = {source: table.forecast() for source, table in tables.items()}
    parts = [_tallies(source, table, forecasts[source], now, as_of) for source, table in tables.items()]
    found = parts[0].union(*parts[1:], all=True) if parts else []
    return Counts(as_of, few, [Tally(*values) for values in found], forecasts)


def _tallies(source: str, table: ExpiringTable, forecast: Forecast | None, now: datetime, as_of: datetime) -> "QuerySet[Any]":
    """The tallies of one table. The text of a time begins with its month on both engines, and that is faster than their functions for dates."""
    due: Any = Value("")
    first_due: Any = Cast(Value(None), DateTimeField())
    last_due = first_due
    if forecast is not None:
        own = When(forecast.own, then=_month(forecast.field))
        due = Case(When(table.replaced_by(as_of), then=Value(SOONER)), own, default=Value(""), output_field=CharField())
        first_due, last_due = Min(forecast.field), Max(forecast.field)
    periods = [When(not_after__gte=begin, then=Value(name)) for name, begin in reversed(_begins(as_of).items())]
    keys = {
        "source_": Value(source), "kind_": Value(table.kind) if table.kind else F("kind"),
        "period_": Case(*periods, default=Value("expired")), "month_": _month("not_after"), "due_": due, "by_hand_": Case(When(table.by_hand(now), then=True), default=False, output_field=BooleanField()),
    }  # fmt: skip
    values = {"count_": Count("*"), "first_": Min("not_after"), "last_": Max("not_after"), "first_due_": first_due, "last_due_": last_due}
    tallies: QuerySet[Any] = table.rows().order_by().annotate(**keys).values_list(*keys).annotate(**values)
    return tallies


def _month(field: str) -> Left:
    return Left(Cast(field, CharField()), 7)
