"""The buckets of the board for the database, and questions to all tables in one query.

The text of these questions is written by hand, because Django takes longer to write it than the database to answer it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Q

from pki.core import lifetime

Part = tuple[str, list[Any]]  # the SQL for one table, and its parameters
_WHENS = " ".join(f"WHEN at_ >= %s THEN '{name}'" for name in reversed(lifetime.BUCKET_NAMES[1:]))
PERIOD = f"CASE {_WHENS} ELSE '{lifetime.BUCKET_NAMES[0]}' END"  # the bucket of the column `at_`


def _begins(as_of: datetime) -> dict[str, datetime]:
    """When each bucket begins, the earliest first, without that of expired things. The same decisions as `pki.core.lifetime.bucket`."""
    ends = [0, *(days for _, days in lifetime.BUCKETS)]
    return {name: as_of + timedelta(days=days) for name, days in zip(lifetime.BUCKET_NAMES[1:], ends, strict=True)}


def in_bucket(name: str, as_of: datetime) -> Q:
    """The rows in a bucket."""
    begins = _begins(as_of)
    following = dict(zip(lifetime.BUCKET_NAMES, [*begins.values(), None], strict=True))[name]
    found = Q(not_after__gte=begins[name]) if name in begins else Q()
    return found & Q(not_after__lt=following) if following else found


def period_parameters(as_of: datetime) -> list[Any]:
    """The parameters of PERIOD."""
    return [connection.ops.adapt_datetimefield_value(begin) for begin in reversed(_begins(as_of).values())]


def answers(parts: Sequence[Part]) -> list[tuple[Any, ...]]:
    """The rows of all parts. One query."""
    if not parts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(sql for sql, _ in parts), [value for _, values in parts for value in values])
        return list(cursor.fetchall())


def time_read(moment: Any) -> datetime:
    """A time of an answer. SQLite has texts."""
    read: datetime = DateTimeField().to_python(f"{moment}+00:00") if isinstance(moment, str) else moment
    return read
