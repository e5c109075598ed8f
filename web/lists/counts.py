"""Columns of a list that the database computes for each row, and counts by them."""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Q, QuerySet

FEW, ALL = 500, 10**9


def counted_by(rows: "QuerySet[Any]", column: str, values: Iterable[int]) -> dict[int, int]:
    """The number of rows with each of `values`. One query, which computes the column for every row.

    The limit keeps the database from computing it twice for each row, as GROUP BY does.
    """
    numbers = {f"of_{value}": Count(column, filter=Q((column, value))) for value in values}
    found = rows.order_by().values(column)[:ALL].aggregate(**numbers)
    return {value: found[f"of_{value}"] for value in values}


@dataclass(frozen=True)
class Computed:
    """The column `name` of `rows`, with numbers. All rows have `usual`, the highest, except some of those that meet `others`, which an index finds."""

    rows: "QuerySet[Any]"
    name: str
    usual: int
    others: Q

    @property
    def _is_usual(self) -> Q:
        return Q((self.name, self.usual))

    @cached_property
    def _few(self) -> dict[uuid.UUID, int] | None:
        """The values of the unusual rows by their keys, read once; None if these are more than a few."""
        found = self.rows.filter(self.others).exclude(self._is_usual).order_by().values_list("pk", self.name)[: FEW + 1]
        values = dict(found)
        return values if len(values) <= FEW else None

    @property
    def has_few(self) -> bool:
        """Whether the unusual rows are few. Otherwise, the database computes the column for all rows."""
        return self._few is not None

    def unusual(self) -> Q:
        """The unusual rows, if they are few."""
        return Q(pk__in=[*(self._few or ())])

    def counts(self, values: Iterable[int]) -> dict[int, int]:
        """The number of rows with each of `values`, which are all that occur."""
        if self._few is None:
            return counted_by(self.rows, self.name, values)
        unusual = Counter(self._few.values())
        return dict.fromkeys(values, 0) | unusual | {self.usual: self.rows.count() - unusual.total()}
