"""Counts of the rows of a list by a column that the database computes."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Q, QuerySet

ALL = 10**9  # rows


def counted_by(rows: "QuerySet[Any]", column: str, values: Iterable[int]) -> dict[int, int]:
    """The number of rows with each of `values`. One query.

    The limit keeps the database from computing the column twice for each row, as GROUP BY does.
    """
    numbers = {f"of_{value}": Count(column, filter=Q((column, value))) for value in values}
    found = rows.order_by().values(column)[:ALL].aggregate(**numbers)
    return {value: found[f"of_{value}"] for value in values}
