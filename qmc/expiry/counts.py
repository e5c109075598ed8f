"""Everything that expires, counted by the database by the month in which it expires or is due: for the picture and the calendar."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import BooleanField, Case, CharField, F, Value, When

from attention.expiring import ExpiringTable, Forecast
from qmc.expiry.board import BoardRow, Group
from qmc.expiry.periods import PERIOD, Part, answers, period_parameters, time_read

SOONER = "sooner"  # instead of the month in which rows are due: not later than the day of the board


# The tallies of one table. The text of a time begins with its month on both engines, and that is faster than their functions for dates.
_MONTH, _NO_TIME = "SUBSTR(CAST({} AS text), 1, 7)", "CAST(NULL AS timestamp with time zone)"
_TALLIES = (
    "SELECT %s, kind_, {period}, {month}, {due}, by_hand_, COUNT(*), MIN(at_), MAX(at_), {first}, {last} FROM ({sql}) AS part "
    "GROUP BY 2, 3, 4, 5, 6"
)
_OWN_DUE = {
    "due": f"CASE due_ WHEN 'own' THEN {_MONTH.format('due_at_')} ELSE due_ END", "first": "MIN(due_at_)", "last": "MAX(due_at_)",
}  # fmt: skip
_NEVER_DUE = {"due": "''", "first": _NO_TIME, "last": _NO_TIME}


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


def counted(few: Sequence[BoardRow], tables: Mapping[str, ExpiringTable], now: datetime, as_of: datetime) -> Counts:
    """Count the rows of the tables, together with the few. One query."""
    forecasts = {source: table.forecast() for source, table in tables.items()}
    parts = [_part(source, table, forecasts[source], now, as_of) for source, table in tables.items()]
    return Counts(few, [_read(*row) for row in answers(parts)], forecasts)


def _read(source: str, kind: str, period: str, month: str, due: str, by_hand: int, rows: int, *times: Any) -> Tally:
    first, last, first_due, last_due = times
    own_due = (time_read(first_due), time_read(last_due)) if first_due else (None, None)
    return Tally(source, kind, period, month, due, bool(by_hand), rows, time_read(first), time_read(last), *own_due)


def _part(source: str, table: ExpiringTable, forecast: Forecast | None, now: datetime, as_of: datetime) -> Part:
    """The SQL of the tallies of one table."""
    by_hand = Case(When(table.by_hand(now), then=True), default=False, output_field=BooleanField())
    columns = {"kind_": Value(table.kind) if table.kind else F("kind"), "at_": F("not_after"), "by_hand_": by_hand}
    if forecast is not None:
        sooner, own = When(table.replaced_by(as_of), then=Value(SOONER)), When(forecast.own, then=Value("own"))
        columns |= {"due_at_": F(forecast.field), "due_": Case(sooner, own, default=Value(""), output_field=CharField())}
    sql, parameters = table.rows().order_by().annotate(**columns).values_list(*columns).query.sql_with_params()
    text = _TALLIES.format(sql=sql, period=PERIOD, month=_MONTH.format("at_"), **(_OWN_DUE if forecast else _NEVER_DUE))
    return text, [source, *period_parameters(as_of), *parameters]
