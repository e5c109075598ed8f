"""Several questions to the database in one query."""

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

Name = TypeVar("Name", bound=Hashable)
Keys = QuerySet[Any, Any]


def first_keys(asked: Mapping[Name, Keys], most: int) -> dict[Name, list[Any]]:
    """The values of the column `key` in the first `most` rows of each queryset, in its order. One query."""
    found: dict[Name, list[Any]] = {name: [] for name in asked}
    names = list(asked)
    places = "SELECT {number} AS kind, ROW_NUMBER() OVER () AS place, CAST(part.key AS TEXT) AS key FROM ({sql}) AS part"
    for number, _, key in sorted(_rows({number: asked[name][:most] for number, name in enumerate(names)}, places)):
        name = names[number]
        found[name].append(asked[name].model._meta.pk.to_python(key))
    return found


def counts(asked: Mapping[Name, Keys]) -> dict[Name, int]:
    """The number of rows of each queryset. One query."""
    names = list(asked)
    found = dict(
        _rows({number: asked[name].order_by() for number, name in enumerate(names)}, "SELECT {number}, COUNT(*) FROM ({sql}) AS part")
    )
    return {name: found.get(number, 0) for number, name in enumerate(names)}


def _rows(asked: Mapping[int, Keys], part: str) -> list[tuple[Any, ...]]:
    """The rows of all parts, each of which selects from one queryset."""
    texts: list[str] = []
    parameters: list[Any] = []
    for number, rows in asked.items():
        try:
            sql, own = rows.query.sql_with_params()
        except EmptyResultSet:
            continue
        texts.append(part.format(number=number, sql=sql))
        parameters += own
    if not texts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(texts), parameters)
        return list(cursor.fetchall())
