"""Several questions to the database in one query, whose parts are written once for each process: Django takes longer to write them than the database to answer them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import DateTimeField, QuerySet, Value

from attention.once import facts_refused

Keys = QuerySet[Any, Any]
# Otherwise, PostgreSQL plans each part as if its first rows were found soon, and most parts have few rows or none.
PART = (
    "SELECT {number} AS kind, ROW_NUMBER() OVER () AS place, CAST(part.key AS TEXT) AS key, part.total FROM "
    "(WITH part AS MATERIALIZED ({sql}) SELECT part.key, {total} AS total FROM part LIMIT {most}) AS part"
)
COUNTED, NOT_COUNTED = "COUNT(*) OVER ()", "CAST(NULL AS BIGINT)"


class Moment(Value):
    """The time of a question that is written before it is asked. A timedelta can be added and subtracted."""

    def __init__(self, after: timedelta = timedelta(0)) -> None:
        super().__init__(None, output_field=DateTimeField())
        self.after = after

    def __add__(self, other: Any) -> Any:
        return Moment(self.after + other)

    def __sub__(self, other: Any) -> Any:
        return Moment(self.after - other)

    def as_sql(self, *_: Any, **__: Any) -> Any:
        return "%s", [self]


NOW: Any = Moment()  # for functions that take a datetime


@dataclass(frozen=True)
class Question:
    """The SQL of a queryset with a column `key`, in its order; "" if it has no rows. `read` reads a key from its text."""

    sql: str
    parameters: tuple[Any, ...]
    read: Callable[[str], Any]

    def asked_at(self, now: datetime) -> list[Any]:
        """The parameters."""
        return [
            connection.ops.adapt_datetimefield_value(now + value.after) if isinstance(value, Moment) else value for value in self.parameters
        ]


def question(keys: Keys) -> Question:
    """The question of a queryset."""
    try:
        sql, parameters = keys.query.sql_with_params()
    except EmptyResultSet:
        sql, parameters = "", ()
    return Question(sql, tuple(parameters), keys.model._meta.pk.to_python)


def written_once(keys: Callable[[datetime], Keys]) -> Question:
    """The question of a function whose conditions depend on the time only. Raises: AssertionError if it asks the database for a fact."""
    with facts_refused():
        return question(keys(NOW))


@dataclass(frozen=True)
class First:
    """The first keys of a question. `total` counts all; None if that was not asked."""

    keys: list[Any]
    total: int | None = None


def first_keys(asked: Mapping[str, tuple[Question, bool]], most: int, now: datetime) -> dict[str, First]:
    """The first `most` keys that answer each question, and for those with True the number of all. One query."""
    texts, parameters, names = [], [], list(asked)
    for number, (question, counts) in enumerate(asked.values()):
        if question.sql:
            texts.append(PART.format(number=number, sql=question.sql, most=most, total=COUNTED if counts else NOT_COUNTED))
            parameters += question.asked_at(now)
    rows: list[tuple[Any, ...]] = []
    if texts:
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(texts), parameters)
            rows = sorted(cursor.fetchall())
    found = {name: First([]) for name in names}
    for number, _, key, total in rows:
        name = names[number]
        found[name] = First([*found[name].keys, asked[name][0].read(key)], total)
    return found
