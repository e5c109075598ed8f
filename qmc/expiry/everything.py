"""Everything that expires, read once for the board and its list: the few things of some rooms, and the tables of the others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import Min, Q, Value

from attention.expiring import Endless, Expiring, ExpiringTable, few_expiring, tables_of
from audit.actors import Actor
from qmc.expiry.board import Board, BoardRow
from qmc.expiry.counts import Counts, counted
from qmc.expiry.totals import Totals, totals

FEW = ""  # the source of the things of rooms with few, before all tables


class Entry(NamedTuple):
    """One thing at its place in the order of all. `row` is a row of the table `source`, which becomes a thing when it is shown."""

    not_after: datetime
    source: str
    identity: str
    row: Any

    @property
    def place(self) -> tuple[datetime, str, str]:
        return self[:3]


class Everything:
    """Everything that `actor` may see, seen from `as_of`. Raises: ZoneMissing."""

    def __init__(self, actor: Actor, now: datetime, as_of: datetime) -> None:
        self.now, self.as_of = now, as_of
        self.tables = {type(table).__name__: table for table in tables_of(actor)}
        found = list(few_expiring(actor=actor, now=now))
        few = [self._row(thing) for thing in found if isinstance(thing, Expiring)]
        self.few = sorted((Entry(row.not_after, FEW, row.identity, row) for row in few), key=lambda entry: entry.place)
        self.without_end = [thing for thing in found if isinstance(thing, Endless)]
        self._built: dict[tuple[datetime, str, str], BoardRow] = {}
        self._first: dict[tuple[str, datetime], list[Entry]] = {}

    def _row(self, thing: Expiring) -> BoardRow:
        return BoardRow(**vars(thing), now=self.now, as_of=self.as_of)

    @cached_property
    def totals(self) -> Totals:
        return totals([entry.row for entry in self.few], self.tables, self.now, self.as_of)

    @cached_property
    def counts(self) -> Counts:
        return counted([entry.row for entry in self.few], self.tables, self.now, self.as_of)

    def entries(self, source: str, rows: Iterable[Any]) -> list[Entry]:
        return [Entry(row.not_after, source, str(row.pk), row) for row in rows]

    def built(self, entries: Sequence[Entry]) -> list[BoardRow]:
        """The things of these entries, those of one table together. The last ones are kept, so a part of them needs no queries."""
        if not self._built.keys() >= {entry.place for entry in entries}:
            self._built = {entry.place: entry.row for entry in entries if entry.source == FEW}
            for source, table in self.tables.items():
                own = [entry for entry in entries if entry.source == source]
                things = table.things([entry.row for entry in own], self.now) if own else []
                self._built |= {entry.place: self._row(thing) for entry, thing in zip(own, things, strict=True)}
        return [self._built[entry.place] for entry in entries]

    def _earliest(self, condition: Callable[[ExpiringTable], Q]) -> dict[str, datetime]:
        """The table with the first row to expire that meets its condition, and when that expires. One query."""
        parts = [
            table.rows().filter(condition(table)).order_by().values_list(Value(source)).annotate(Min("not_after"))
            for source, table in self.tables.items()
        ]
        found = [(source, at) for source, at in parts[0].union(*parts[1:], all=True) if at] if parts else []
        return dict(sorted(found, key=itemgetter(1))[:1])

    def first(
        self, matches: Callable[[BoardRow], bool], condition: Callable[[ExpiringTable], Q], at: Mapping[str, datetime] | None = None
    ) -> Entry | None:
        """The first to expire of the few that match, and of the rows of each table that meet its condition.

        `at`: the tables that can have it, and the expiry date of their first such row, if that is known. A row that was found there before is taken again.
        """
        found = [entry for entry in self.few if matches(entry.row)][:1]
        for source, moment in (self._earliest(condition) if at is None else at).items():
            if (source, moment) not in self._first:
                rows = self.tables[source].rows().filter(condition(self.tables[source]), not_after=moment).order_by("pk")
                self._first[source, moment] = self.entries(source, rows[:1])
            found += self._first[source, moment]
        return min(found, key=lambda entry: entry.place, default=None)


def next_that_matters(every: Everything, at: Mapping[str, datetime] | None = None) -> Entry | None:
    """The next thing to expire, besides unused browser certificates, and lists that are signed each day."""
    return every.first(lambda row: row.matters, lambda table: Q() if table.kind == "" else table.by_hand(every.now), at)


def board_counted(every: Everything) -> Board:
    """The board without the rows that its title names. Raises: ZoneMissing."""
    found = every.totals
    return Board(every.now, every.as_of, found.by_bucket(by_hand=False), found.by_bucket(by_hand=True), every.without_end)


def expiry_board(every: Everything, page: Sequence[Entry] = ()) -> Board:
    """Everything that the board shows, whatever its filter. The rows of its page become things together with those that its title names."""
    found = every.totals
    waiting = every.first(lambda row: row.needs_a_hand, lambda table: table.by_hand(every.now), found.earliest(lambda total: total.by_hand))
    following = next_that_matters(every, found.earliest(lambda total: total.by_hand or every.tables[total.source].kind == ""))
    following = following or every.first(lambda row: True, lambda table: Q(), found.earliest(lambda total: True))
    every.built([*page, *(entry for entry in (following, waiting) if entry)])
    named = [every.built([entry])[0] if entry else None for entry in (following, waiting)]
    return replace(board_counted(every), next=named[0], waiting=named[1])
