"""Columns of a list that the database computes for each row, and counts by them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet


@dataclass(frozen=True)
class Computed:
    """A column with numbers. All rows have `usual`, the highest, except some of those that meet `others`, which an index finds."""

    name: str
    usual: int
    others: Q


def counted_by(rows: "QuerySet[Any]", column: Computed, values: Iterable[int]) -> dict[int, int]:
    """The number of rows with each of `values`, which are all that occur. Two queries."""
    unusual = rows.filter(column.others).order_by().values_list(column.name).annotate(Count("pk"))
    found = dict.fromkeys(values, 0) | dict(unusual)
    found[column.usual] += rows.count() - sum(found.values())
    return found
