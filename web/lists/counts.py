"""Columns of a list that the database computes for each row, and counts by them."""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count, Q, QuerySet

FEW = 500


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

    def unusual(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """Those of `rows`, a part of all, with another value."""
        return rows.filter(pk__in=[*self._few]) if self._few is not None else rows.filter(self.others).exclude(self._is_usual)

    def usually(self, rows: "QuerySet[Any]") -> "QuerySet[Any]":
        """The rest of them."""
        return rows.exclude(pk__in=[*self._few]) if self._few is not None else rows.filter(~self.others | self._is_usual)

    def counts(self, values: Iterable[int]) -> dict[int, int]:
        """The number of rows with each of `values`, which are all that occur."""
        if self._few is not None:
            unusual: dict[int, int] = Counter(self._few.values())
        else:
            unusual = dict(self.unusual(self.rows).order_by().values_list(self.name).annotate(Count("pk")))
        return dict.fromkeys(values, 0) | unusual | {self.usual: self.rows.count() - sum(unusual.values())}
