"""Everything that expires, counted by the database by bucket: for the title, the totals and the pages of the board."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.models import Case, F, IntegerField, QuerySet, Value, When

from attention.expiring import ExpiringTable
from pki.core import lifetime
from qmc.expiry.board import BoardRow
from qmc.expiry.periods import PERIOD, Part, answers, period_parameters, time_read

_TOTALS = "SELECT %s, kind_, {period}, sooner_, {by_hand}, COUNT(*), MIN(at_) FROM ({sql}) AS part GROUP BY 2, 3, 4"
EXPIRED = lifetime.BUCKET_NAMES[0]


class Total(NamedTuple):
    """Rows of a table that agree in the first four values: all of them, or only those `by_hand`, which require an action.

    `sooner`: they are due, because of their own age or with the root, not later than the day of the board. `first` is the earliest expiry date.
    """

    source: str
    kind: str
    bucket: str
    sooner: bool
    by_hand: bool
    rows: int
    first: datetime

    @property
    def acts(self) -> bool:
        """Whether they act before the day of the board."""
        return self.sooner or self.bucket == EXPIRED


@dataclass(frozen=True)
class Totals:
    """The totals of everything: of the few rows, and of the tables."""

    few: Sequence[BoardRow]
    totals: Sequence[Total]

    def number(self, matches: Callable[[Total], bool], *, by_hand: bool | None = None) -> int:
        """The rows of the tables that match. With `by_hand`, those that require an action, or the others."""
        requiring = sum(total.rows for total in self.totals if total.by_hand and matches(total))
        if by_hand:
            return requiring
        return sum(total.rows for total in self.totals if not total.by_hand and matches(total)) - (0 if by_hand is None else requiring)

    def earliest(self, matches: Callable[[Total], bool]) -> dict[str, datetime]:
        """The table with the first row to expire of the totals that match, if one matches, and when that expires."""
        found = min((total for total in self.totals if matches(total)), key=lambda total: total.first, default=None)
        return {found.source: found.first} if found else {}

    def by_bucket(self, *, by_hand: bool) -> dict[str, int]:
        """The number of all things in each bucket, or of those that require an action."""
        counts = dict.fromkeys(lifetime.BUCKET_NAMES, 0)
        for row in self.few:
            counts[row.bucket] += row.needs_a_hand or not by_hand
        for total in self.totals:
            counts[total.bucket] += total.rows if total.by_hand == by_hand else 0
        return counts

    @property
    def kinds(self) -> set[str]:
        """The kinds of which there is something."""
        return {row.kind for row in self.few} | {total.kind for total in self.totals}

    @property
    def coming(self) -> tuple[int, int]:
        """How many things act before the day of the board: automatically, and by hand. Things act when they are due, or else when they expire."""
        few = [row for row in self.few if row.before]
        automatic, by_hand = sum(not row.needs_a_hand for row in few), sum(row.needs_a_hand for row in few)
        expired = self.number(lambda total: total.bucket == EXPIRED, by_hand=True)
        return automatic + self.number(lambda total: total.acts, by_hand=False), by_hand + expired


def _read(source: str, kind: str, bucket: str, sooner: int, by_hand: int, rows: int, first: Any) -> Total:
    return Total(source, kind, bucket, bool(sooner), bool(by_hand), rows, time_read(first))


def totals(few: Sequence[BoardRow], tables: Mapping[str, ExpiringTable], now: datetime, as_of: datetime) -> Totals:
    """Count the rows of the tables, together with the few. One query. Few rows require an action: an index finds them, so they are counted a second time."""
    parts: list[Part] = []
    for source, table in tables.items():
        parts += _part(source, table, table.rows(), False, now, as_of)
        parts += _part(source, table, table.rows().filter(table.by_hand(now)), True, now, as_of)
    return Totals(few, [_read(*row) for row in answers(parts)])


def _part(source: str, table: ExpiringTable, rows: "QuerySet[Any]", by_hand: bool, now: datetime, as_of: datetime) -> list[Part]:
    is_ahead = now < as_of and table.forecast() is not None
    sooner: Any = Case(When(table.replaced_by(as_of), then=1), default=0, output_field=IntegerField()) if is_ahead else Value(0)
    columns: dict[str, Any] = {"kind_": Value(table.kind) if table.kind else F("kind"), "at_": F("not_after"), "sooner_": sooner}
    try:
        sql, parameters = rows.order_by().annotate(**columns).values_list(*columns).query.sql_with_params()
    except EmptyResultSet:
        return []
    return [(_TOTALS.format(sql=sql, period=PERIOD, by_hand=int(by_hand)), [source, *period_parameters(as_of), *parameters])]
