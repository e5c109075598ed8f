"""Columns of a list that the database computes for each row, and counts by them."""

import uuid
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

FEW, ALL = 500, 10**9


def counted_by(rows: "QuerySet[Any]", column: str, values: Iterable[int]) -> dict[int, int]:
    """The number of rows with each of `values`. One query, which computes the column for every row.

    The limit keeps the database from computing it twice for each row, as GROUP BY does.
    """
    numbers = {f"of_{value}": Count(column, filter=Q((column, value))) for value in values}
    found = rows.order_by().values(column)[:ALL].aggregate(**numbers)
    return {value: found[f"of_{value}"] for value in values}


@dataclass(frozen=True)
class Group:
    """Rows that meet `condition`. `value` is what a column is for all of them; None if it differs. `is_empty`: it is known that there are none."""

    condition: Q
    value: int | None = None
    is_empty: bool = False


class Computed(ABC):
    """The column `name` of `rows`, with numbers."""

    name: str
    rows: "QuerySet[Any]"

    @cached_property
    def total(self) -> int:
        """The number of rows."""
        return self.rows.count()

    @property
    @abstractmethod
    def groups(self) -> Sequence[Group]:
        """All rows in the order of the column, in groups that the database finds without computing it. Empty: it computes the column for all rows."""

    @abstractmethod
    def counts(self, values: Iterable[int]) -> Mapping[int, int]:
        """The number of rows with each of `values`, which are all that occur."""


@dataclass(frozen=True)
class Unusual(Computed):
    """A column that `computed` has. All rows have `usual`, the highest, except some of those that meet `others`, which an index finds."""

    computed: "QuerySet[Any]"
    name: str
    usual: int
    others: Q

    @cached_property
    def _few(self) -> dict[uuid.UUID, int] | None:
        """The values of the unusual rows by their keys, read once; None if these are more than a few."""
        found = self.computed.filter(self.others).exclude(Q((self.name, self.usual))).order_by().values_list("pk", self.name)[: FEW + 1]
        values = dict(found)
        return values if len(values) <= FEW else None

    @cached_property
    def rows(self) -> "QuerySet[Any]":  # type: ignore[override]
        """With the column. If the unusual rows are few, their values are part of the query, so that the database does not compute them again."""
        if self._few is None:
            return self.computed
        keys = defaultdict(list)
        for key, value in self._few.items():
            keys[value].append(key)
        written = (When(pk__in=found, then=Value(value)) for value, found in keys.items())
        column = Case(*written, default=Value(self.usual), output_field=IntegerField())
        rows: QuerySet[Any] = self.computed.annotate(**{self.name: column})
        return rows

    @property
    def groups(self) -> Sequence[Group]:
        if self._few is None:
            return ()
        unusual = Q(pk__in=[*self._few])
        return Group(unusual), Group(~unusual, self.usual)

    def counts(self, values: Iterable[int]) -> Mapping[int, int]:
        if self._few is None:
            return counted_by(self.computed, self.name, values)
        unusual = Counter(self._few.values())
        return dict.fromkeys(values, 0) | unusual | {self.usual: self.total - unusual.total()}


@dataclass(frozen=True)
class Decided(Computed):
    """A column that `rows` have, with any of `values`. An index finds the rows with some of them, which meet the conditions `found`. Rows are counted once."""

    rows: "QuerySet[Any]"
    name: str
    values: Sequence[int]
    found: Mapping[int, Q]

    @cached_property
    def _counts(self) -> Mapping[int, int]:
        return counted_by(self.rows, self.name, self.values)

    @property
    def groups(self) -> Sequence[Group]:
        # Looking for rows with a value that only the column decides reads all rows.
        return [
            Group(self.found.get(value, Q((self.name, value))), value, value not in self.found and not self._counts[value])
            for value in self.values
        ]

    def counts(self, values: Iterable[int]) -> Mapping[int, int]:
        return {value: self._counts[value] for value in values}
