"""The rows of the expiry board from all rooms, in one order: the next to expire first. Each room is read only as far as the page needs it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, DateTimeField, Field, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from attention.expiring import KINDS, ExpiringTable, Happens
from qmc.expiry.everything import FEW, Entry, Everything
from qmc.expiry.periods import in_bucket
from web.lists.keyset import CursorInvalid, Key, Order, Source, written

Place = tuple[datetime, str, str]


@dataclass(frozen=True)
class Asked:
    """The filter of the rows. Empty values filter nothing."""

    search: str = ""
    kind: str = ""
    bucket: str = ""
    happens: str = ""


def _order(name: str) -> Order:
    fields: dict[str, Field[Any, Any]] = {"not_after": DateTimeField(), "source": TextField(), "identity": TextField()}
    return Order(name, tuple(Key(field, kind, name.startswith("-"), nullable=False) for field, kind in fields.items()))


class ExpiryRows(Source):
    """Everything as `asked`."""

    model = None  # of several tables

    def __init__(self, every: Everything, asked: Asked = Asked(), sort: str = "not_after") -> None:
        self.every, self.asked, self.order = every, asked, _order(sort)

    def _few(self) -> list[Entry]:
        asked = self.asked
        values = {"kind": asked.kind, "bucket": asked.bucket, "what_happens": asked.happens}
        return [
            entry
            for entry in self.every.few
            if entry.row.has(asked.search) and all(not value or getattr(entry.row, name) == value for name, value in values.items())
        ]

    def _rows(self, table: ExpiringTable) -> "QuerySet[Any]":
        rows, asked = table.rows(), self.asked
        if asked.search and not (table.kind and asked.search.casefold() in KINDS[table.kind]):
            rows = rows.filter(table.matching(asked.search))
        if asked.kind:
            rows = rows.filter(kind=asked.kind) if not table.kind else rows if table.kind == asked.kind else rows.none()
        if asked.bucket:
            rows = rows.filter(in_bucket(asked.bucket, self.every.as_of))
        if asked.happens:
            by_hand = table.by_hand(self.every.now)
            rows = rows.filter(by_hand) if asked.happens == Happens.BY_HAND else rows.exclude(by_hand)
        return rows

    def count(self) -> int:
        asked, few = self.asked, len(self._few())
        if asked.search:
            return few + sum(self._rows(table).count() for table in self.every.tables.values())
        return few + self.every.totals.number(
            lambda total: asked.kind in ("", total.kind) and asked.bucket in ("", total.bucket),
            by_hand=asked.happens == Happens.BY_HAND if asked.happens else None,
        )

    def from_place(self, number: int, values: list[Any] | None, *, back: bool, skip: int = 0) -> list[Entry]:
        down = self.order.keys[0].descending != back
        place = self._place_at(skip - 1, down) if skip else _place(values) if values else None
        found = [entry for entry in self._few() if place is None or (entry.place < place if down else entry.place > place)]
        sign = "-" if down else ""
        for source, table in self.every.tables.items():
            rows = self._rows(table).order_by(f"{sign}not_after", f"{sign}pk")
            if place is not None:
                rows = rows.filter(_beyond(source, place, down))
            found += self.every.entries(source, rows[:number])
        found.sort(key=lambda entry: entry.place, reverse=down)
        return found[:number]

    def _place_at(self, number: int, down: bool) -> Place | None:
        """The place with a number, from 0; None if there is none. One query, which reads only as many places as there are few things."""
        places, sign = [entry.place for entry in self._few()], "-" if down else ""
        parts: list[QuerySet[Any]] = [
            self._rows(table)
            .order_by()
            .annotate(source_=Value(source), identity_=Cast("pk", CharField()))
            .values_list("not_after", "source_", "identity_")
            for source, table in self.every.tables.items()
        ]
        before = max(0, number - len(places))  # so many rows of the tables are before it, whatever the places of the few are
        if parts:
            in_order = parts[0].union(*parts[1:], all=True).order_by(*(f"{sign}{name}" for name in ("not_after", "source_", "identity_")))
            places += [(at, source, str(uuid.UUID(identity))) for at, source, identity in in_order[before : number + 1]]
        return next(iter(sorted(places, reverse=down)[number - before :]), None)

    def values(self, row: Entry) -> list[str | None]:
        return [written(value) for value in row.place]


def _place(values: Sequence[Any]) -> Place:
    """Raises: CursorInvalid."""
    at, source, identity = values
    try:
        return at, source, identity if source == FEW else str(uuid.UUID(identity))
    except ValueError as exc:
        raise CursorInvalid from exc


def _beyond(source: str, place: Place, down: bool) -> Q:
    """The rows of a table after a place, or before it."""
    at, at_source, identity = place
    compare = "lt" if down else "gt"
    if source == at_source:
        found = Q(**{f"not_after__{compare}": at}) | Q(**{"not_after": at, f"pk__{compare}": identity})
    else:
        is_beyond = (source < at_source) == down
        found = Q(**{f"not_after__{compare}{'e' if is_beyond else ''}": at})
    return Q(**{f"not_after__{compare}e": at}) & found  # a range that an index can find
