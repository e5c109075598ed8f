"""Pages of a list by key: a page begins after the last row of the page before it, so each page takes the same time."""

import json
from abc import ABC, abstractmethod
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Field, Model, Q, QuerySet, Value

from web.errors import InputInvalid
from web.lists.counts import Computed, Group

LONGEST_CURSOR, MOST_ROWS = 2000, 10**9
REMEDY = "This place in the list is not valid. Start again without it, then use the links of the answers."


class CursorInvalid(InputInvalid):
    """The cursor was changed, or belongs to another list or order."""

    def __init__(self) -> None:
        super().__init__({"cursor": [REMEDY]})


@dataclass(frozen=True)
class Key:
    """One field of an order. Rows without a value come last, in both directions."""

    name: str
    field: "Field[Any, Any]"
    descending: bool
    nullable: bool

    def ordering(self, *, back: bool) -> Any:
        descending = self.descending != back
        if not self.nullable:
            return f"-{self.name}" if descending else self.name
        nulls: dict[str, Any] = {"nulls_first": True} if back else {"nulls_last": True}
        return F(self.name).desc(**nulls) if descending else F(self.name).asc(**nulls)

    def of(self, row: Model) -> Any:
        """The value of a row."""
        value: Any = row
        for part in self.name.split("__"):
            value = getattr(value, part, None)  # also if there is no related row
        return value

    def same(self, value: Any) -> Q:
        return Q(**{f"{self.name}__isnull": True} if value is None else {self.name: value})

    def beyond(self, value: Any, *, back: bool) -> Q:
        """Rows after `value`, or before it."""
        if value is None:
            return Q(**{f"{self.name}__isnull": False}) if back else Q(pk__in=[])
        found = Q(**{f"{self.name}__{'lt' if self.descending != back else 'gt'}": value})
        return found | Q(**{f"{self.name}__isnull": True}) if self.nullable and not back else found

    def from_here(self, value: Any, *, back: bool) -> Q:
        """`value` and what is beyond it: a range that an index can find."""
        return Q() if self.nullable else Q(**{f"{self.name}__{'lte' if self.descending != back else 'gte'}": value})

    def read(self, text: Any) -> Any:
        """A value from a cursor. Raises: ValueError, OverflowError, ValidationError."""
        if text is None and self.nullable:
            return None
        if not isinstance(text, str) or "\0" in text:
            raise ValueError("not a value")
        text.encode()  # a lone surrogate is no text
        value = self.field.to_python(text)
        if value is None or (isinstance(value, datetime) and value.tzinfo is None):
            raise ValueError("not a value")
        return value.astimezone(UTC) if isinstance(value, datetime) else value


def written(value: Any) -> str | None:
    return None if value is None else value.isoformat() if isinstance(value, datetime) else str(value)


@dataclass(frozen=True)
class Order:
    """An order of rows. `name` is what the address calls it; the last key is the primary key, so no two rows are equal."""

    name: str
    keys: tuple[Key, ...]

    def beyond(self, values: Sequence[Any], *, back: bool) -> Q:
        pairs = [*zip(self.keys, values, strict=True)]
        last, value = pairs.pop()
        found = last.beyond(value, back=back)
        for key, value in reversed(pairs):
            found = key.beyond(value, back=back) | (key.same(value) & found)
        return self.keys[0].from_here(values[0], back=back) & found

    def read(self, texts: Sequence[Any]) -> list[Any]:
        """The values of a cursor. Raises: CursorInvalid."""
        try:
            return [key.read(text) for key, text in zip(self.keys, texts, strict=True)]
        except (ValueError, TypeError, OverflowError, ValidationError) as exc:
            raise CursorInvalid from exc


def order_of(rows: "QuerySet[Any]", name: str, fields: Sequence[str]) -> Order:
    """The order by `fields` of `rows`; if `name` begins with a minus, in reverse."""
    reverse = name.startswith("-")
    keys = [_key(rows, field.lstrip("-"), field.startswith("-") != reverse) for field in fields]
    return Order(name, (*keys, _key(rows, rows.model._meta.pk.name, keys[-1].descending)))


def _key(rows: "QuerySet[Any]", name: str, descending: bool) -> Key:
    if name in rows.query.annotations:
        return Key(name, rows.query.annotations[name].output_field, descending, nullable=True)
    field = rows.model._meta.get_field(name.split("__")[0])
    nullable = field.null or not field.concrete
    for part in name.split("__")[1:]:
        field = field.related_model._meta.get_field(part)
        nullable = nullable or field.null
    return Key(name, field, descending, nullable)


@dataclass(frozen=True)
class Cursor:
    """A place in a list: after the row with `values`, or before it. Without values it is the end. `before`: about how many rows precede the place."""

    order: str
    back: bool
    before: int
    values: list[str | None]

    def __str__(self) -> str:
        return urlsafe_b64encode(json.dumps([self.order, self.back, self.before, self.values]).encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, order: Order) -> "Cursor":
        """Raises: CursorInvalid."""
        try:
            name, back, before, values = json.loads(urlsafe_b64decode(text[:LONGEST_CURSOR] + "=" * (-len(text) % 4)))
        except (ValueError, TypeError, RecursionError) as exc:
            raise CursorInvalid from exc
        known = name == order.name and type(back) is bool and type(before) is int and 0 <= before < MOST_ROWS and isinstance(values, list)
        if not known or len(values) != (0 if back and not values else len(order.keys)):
            raise CursorInvalid
        return cls(name, back, before, values)


@dataclass(frozen=True)
class Part:
    """One page of rows. `before` is about the number of rows before it. `previous` and `next` are cursors; empty if there is no such page."""

    rows: list[Any]
    before: int
    previous: str
    next: str


class Source(ABC):
    """The rows of a list in one order, read a page at a time."""

    order: Order

    @abstractmethod
    def count(self) -> int:
        """The number of all rows."""

    @abstractmethod
    def from_place(self, number: int, values: list[Any] | None, *, back: bool, skip: int = 0) -> list[Any]:
        """The first `number` rows after the row with these values, or before it, without the first `skip`. None: from the end. Raises: CursorInvalid."""

    @abstractmethod
    def values(self, row: Any) -> list[str | None]:
        """The values of a row for a cursor."""

    def part(self, *, size: int, cursor: str = "") -> Part:
        """The page at a cursor, by default the first. Raises: CursorInvalid."""
        place = Cursor.read(cursor, self.order) if cursor else None
        values = self.order.read(place.values) if place and place.values else None
        if place and place.back:
            found = self.from_place(size + 1, values, back=True)
            if len(found) > size:
                return self._part(found[size - 1 :: -1], before=max(0, place.before - size), earlier=True, later=values is not None)
            place, values = None, None  # the beginning: a full first page
        found = self.from_place(size + 1, values, back=False)
        return self._part(found[:size], before=place.before if place else 0, earlier=place is not None, later=len(found) > size)

    def numbered(self, *, size: int, number: int) -> Part:
        """The page with a number, from 1. Raises: InputInvalid if it does not exist."""
        if number == 1:
            return self.part(size=size)
        pages = max(1, -(-self.count() // size))
        if number > pages:
            raise InputInvalid({"page": [f"There is no page {number}. The last page is {pages}."]})
        before = (number - 1) * size
        found = self.from_place(size + 1, None, back=False, skip=before)
        return self._part(found[:size], before=before, earlier=True, later=len(found) > size)

    def batches(self, size: int) -> Iterator[list[Any]]:
        """All rows, a batch at a time."""
        part = self.part(size=size)
        yield part.rows
        while part.next:
            part = self.part(size=size, cursor=part.next)
            yield part.rows

    def last_cursor(self, total: int) -> str:
        """The cursor of the last page."""
        return str(Cursor(self.order.name, True, total, []))

    def _part(self, rows: list[Any], *, before: int, earlier: bool, later: bool) -> Part:
        name = self.order.name
        first = str(Cursor(name, True, before, self.values(rows[0]))) if rows and earlier else ""
        last = str(Cursor(name, False, before + len(rows), self.values(rows[-1]))) if rows and later else ""
        return Part(rows, before, first, last)


class Rows(Source):
    """The rows of a queryset. If they are `many` and no index has their order, only the keys of all are sorted, and the columns of one page are read."""

    def __init__(self, rows: "QuerySet[Any]", order: Order, *, many: bool = True) -> None:
        self.rows, self.order = rows, order
        self.sorts_keys = many and order.keys[0].name in rows.query.annotations

    def count(self) -> int:
        return self.rows.count()

    def from_place(self, number: int, values: list[Any] | None, *, back: bool, skip: int = 0) -> list[Any]:
        try:
            rows = self.rows.filter(self.order.beyond(values, back=back)) if values else self.rows
        except (ValueError, TypeError, OverflowError, ValidationError) as exc:
            raise CursorInvalid from exc
        rows = rows.order_by(*(key.ordering(back=back) for key in self.order.keys))
        if self.sorts_keys:
            return [*self.rows.filter(pk__in=rows.values("pk")[skip : skip + number]).order_by(*rows.query.order_by)]
        return [*rows[skip : skip + number]]

    def values(self, row: Model) -> list[str | None]:
        return [written(key.of(row)) for key in self.order.keys]


class InGroups(Rows):
    """The rows in an order that begins with a computed column. Each group is read in the order of the further keys, which can have an index."""

    def __init__(self, rows: "QuerySet[Any]", order: Order, column: Computed) -> None:
        """`rows` are those of the column. If a filter leaves fewer, the database computes the column for these."""
        super().__init__(rows, order)
        self.column = column

    def count(self) -> int:
        return self.column.total

    def _group(self, group: Group) -> Rows:
        rows = self.rows.filter(group.condition)
        if group.value is None:
            return Rows(rows, self.order, many=False)
        return Rows(rows.annotate(**{self.column.name: Value(group.value)}), Order(self.order.name, self.order.keys[1:]))

    def from_place(self, number: int, values: list[Any] | None, *, back: bool, skip: int = 0) -> list[Any]:
        groups = self.column.groups[:: -1 if self.order.keys[0].descending != back else 1]
        if not groups:
            return super().from_place(number, values, back=back, skip=skip)
        if values is not None:
            groups = groups[_number_of(groups, values[0]) :]
        found: list[Any] = []
        for group in groups:
            if group.is_empty:
                values = None
                continue
            source, place = self._group(group), values
            if values is not None and group.value is not None:
                place = values[1:]
            before = min(skip, source.count()) if skip else 0
            found += source.from_place(number - len(found), place, back=back, skip=before)
            skip, values = skip - before, None
            if len(found) == number:
                break
        return found


def _number_of(groups: Sequence[Group], value: int) -> int:
    """The place of the group with the rows that have `value`. Raises: CursorInvalid."""
    of_value = {group.value: number for number, group in enumerate(groups)}
    number = of_value.get(value, of_value.get(None))
    if number is None:
        raise CursorInvalid
    return number
