"""The fields of a filter, and the query that a filter becomes."""

import operator
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import reduce

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from qrs.errors import FilterInvalid
from qrs.filters.grammar import Both, Condition, Filter, Not

Field = Callable[[Condition], Q]
NONE, ALL = Q(pk__in=[]), ~Q(pk__in=[])
ORDER = {"gt": "gt", "ge": "gte", "lt": "lt", "le": "lte"}
OF_TEXT = {"eq": "iexact", "sw": "istartswith", "ew": "iendswith", "so": "icontains"} | ORDER
COMPARE = {"eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def query_of(filter: Filter, fields: Mapping[str, Field]) -> Q:
    """The query of a filter on a type with these `fields`, whose names are in lower case. Raises: FilterInvalid."""
    if isinstance(filter, Condition):
        field = fields.get(filter.field)
        if field is None:
            raise FilterInvalid(
                f"Lists of this type cannot be filtered by “{filter.field[:60]}”. They can be by: {', '.join(sorted(fields))}."
            )
        return field(filter)
    if isinstance(filter, Not):
        return ~query_of(filter.part, fields)
    parts = [query_of(part, fields) for part in filter.parts]
    return reduce(operator.and_ if isinstance(filter, Both) else operator.or_, parts)


def text(path: str) -> Field:
    """A column of text. It is compared without case, as names are."""

    def query(condition: Condition) -> Q:
        if condition.operator == "ne":
            return ~Q(**{f"{path}__iexact": condition.value})
        return Q(**{f"{path}__{OF_TEXT[condition.operator]}": condition.value})

    return query


def guid(path: str) -> Field:
    """A column of UUIDs."""
    return guid_by(lambda value: Q(**{path: value}))


def guid_by(query_for: Callable[[uuid.UUID], Q]) -> Field:
    """An id that `query_for` finds."""

    def query(condition: Condition) -> Q:
        found = query_for(guid_read(condition))
        return found if _equal(condition) else ~found

    return query


def guid_read(condition: Condition) -> uuid.UUID:
    if not _GUID.fullmatch(condition.value):
        raise FilterInvalid(f"“{condition.value[:40]}” is not an id. An id has 32 hexadecimal digits in five groups.")
    return uuid.UUID(condition.value)


def flag(query_true: Q) -> Field:
    """A value that is true where `query_true` holds."""

    def query(condition: Condition) -> Q:
        wanted = condition.value.lower()
        if wanted not in ("true", "false"):
            raise FilterInvalid(f"The value of {condition.field} is true or false.")
        return query_true if (wanted == "true") == _equal(condition) else ~query_true

    return query


def date(path: str) -> Field:
    """A column of times. A time without a zone is UTC."""

    def query(condition: Condition) -> Q:
        at = date_read(condition)
        if condition.operator in ORDER:
            return Q(**{f"{path}__{ORDER[condition.operator]}": at})
        found = Q(**{path: at})
        return found if _equal(condition) else ~found

    return query


def date_read(condition: Condition) -> datetime:
    written = condition.value
    try:
        found = parse_datetime(f"{written}T00:00:00" if _DAY.fullmatch(written) else written)
    except ValueError:
        found = None
    if found is None:
        raise FilterInvalid(f"“{written[:40]}” is not a time. Write it as 2026-11-29T14:05:00.000Z.")
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        raise FilterInvalid(f"“{written[:40]}” is outside the times that can be stored.") from None


def number_read(condition: Condition, names: Mapping[str, int]) -> int:
    """A number, or the name of one."""
    named = {name.lower(): value for name, value in names.items()}.get(condition.value.lower())
    if named is not None:
        return named
    if not re.fullmatch(r"-?[0-9]{1,9}", condition.value):
        raise FilterInvalid(f"“{condition.value[:40]}” is not a number{' or one of ' + ', '.join(names) if names else ''}.")
    return int(condition.value)


def number_by(query_for: Callable[[str, int], Q], names: Mapping[str, int]) -> Field:
    """An enumerated number that `query_for` compares."""

    def query(condition: Condition) -> Q:
        if condition.operator not in COMPARE:
            raise FilterInvalid(f"{condition.field} is a number, so {condition.operator} does not apply. Use: {', '.join(COMPARE)}.")
        return query_for(condition.operator, number_read(condition, names))

    return query


def constant_number(value: int, names: Mapping[str, int]) -> Field:
    """A number that is the same in every row."""
    return number_by(lambda name, other: ALL if COMPARE[name](value, other) else NONE, names)


def constant_text(value: str) -> Field:
    """A text that is the same in every row."""

    def query(condition: Condition) -> Q:
        own, other = value.lower(), condition.value.lower()
        compare: dict[str, Callable[[str, str], bool]] = COMPARE | {
            "sw": str.startswith, "ew": str.endswith, "so": str.__contains__,
        }  # fmt: skip
        return ALL if compare[condition.operator](own, other) else NONE

    return query


def _equal(condition: Condition) -> bool:
    """Whether the operator is eq, and not ne. Raises: FilterInvalid for others."""
    if condition.operator not in ("eq", "ne"):
        raise FilterInvalid(f"{condition.operator} does not apply to {condition.field}. Use eq or ne.")
    return condition.operator == "eq"
