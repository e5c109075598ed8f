"""The rows of the expiry board from all rooms, in one order: the next to expire first. Each room is read only as far as the page needs it."""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Case, CharField, Count, DateTimeField, F, Max, Min, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Left

from attention.expiring import KINDS, Endless, Expiring, ExpiringTable, Happens, few_expiring, tables_of
from audit.actors import Actor
from pki.core import lifetime
from pki.core.roles import Kind
from qmc.expiry.board import Board, BoardRow, Group
from web.lists.keyset import Cursor, CursorInvalid, Key, Order, Part

PLACE = (Key("not_after", DateTimeField(), False, False), Key("source", TextField(), False, False), Key("id", TextField(), False, False))
ORDER = Order("not_after", PLACE)
FEW = ""  # the source of the rows of rooms with few, before all others


@dataclass(frozen=True)
class Asked:
    """The filter of the rows. Empty values filter nothing."""

    search: str = ""
    kind: str = ""
    bucket: str = ""
    happens: str = ""


@dataclass(frozen=True)
class ExpiryRows:
    """Everything that `actor` may see, as `asked`, seen from `as_of`."""

    actor: Actor
    now: datetime
    as_of: datetime
    asked: Asked = Asked()
    tables: list[ExpiringTable] = field(init=False)
    few: list[BoardRow] = field(init=False)
    without_end: list[Endless] = field(init=False)

    def __post_init__(self) -> None:
        found = list(few_expiring(actor=self.actor, now=self.now))
        few = [self._row(thing, FEW) for thing in found if isinstance(thing, Expiring)]
        few.sort(key=lambda row: row.place)
        object.__setattr__(self, "tables", tables_of(self.actor))
        object.__setattr__(self, "few", few)
        object.__setattr__(self, "without_end", [thing for thing in found if isinstance(thing, Endless)])

    def _row(self, thing: Expiring, source: str) -> BoardRow:
        return BoardRow(**vars(thing), now=self.now, as_of=self.as_of, source=source)

    def _asked_few(self) -> list[BoardRow]:
        asked = self.asked
        values = {"kind": asked.kind, "bucket": asked.bucket, "what_happens": asked.happens}
        return [
            row
            for row in self.few
            if row.has(asked.search) and all(not value or getattr(row, name) == value for name, value in values.items())
        ]

    def _asked(self, table: ExpiringTable) -> "QuerySet[Any]":
        rows, asked = table.rows(), self.asked
        if asked.search and not (table.kind and asked.search.casefold() in KINDS[table.kind]):
            rows = rows.filter(table.matching(asked.search))
        if asked.kind:
            rows = rows.filter(kind=asked.kind) if not table.kind else rows if table.kind == asked.kind else rows.none()
        if asked.bucket:
            rows = rows.filter(_in_bucket(asked.bucket, self.as_of))
        if asked.happens:
            by_hand = table.by_hand(self.now)
            rows = rows.filter(by_hand) if asked.happens == Happens.BY_HAND else rows.exclude(by_hand)
        return rows

    def count(self) -> int:
        return len(self._asked_few()) + sum(self._asked(table).count() for table in self.tables)

    def part(self, *, size: int, cursor: str = "") -> Part:
        """One page. Raises: CursorInvalid."""
        place = Cursor.read(cursor, ORDER) if cursor else None
        if place is not None and place.back:
            found = self._from(size + 1, place)
            if len(found) > size:
                return _part(found[size - 1 :: -1], before=max(0, place.before - size), earlier=True, later=bool(place.values))
            place = None
        found = self._from(size + 1, place)
        return _part(found[:size], before=place.before if place else 0, earlier=place is not None, later=len(found) > size)

    def batches(self, size: int) -> Iterator[list[BoardRow]]:
        """All rows, a batch at a time."""
        part = self.part(size=size)
        yield part.rows
        while part.next:
            part = self.part(size=size, cursor=part.next)
            yield part.rows

    def _from(self, number: int, place: Cursor | None) -> list[BoardRow]:
        """The first `number` rows from a place, in the direction of its cursor."""
        back = place is not None and place.back
        values = _read(place.values) if place and place.values else None
        few = [row for row in self._asked_few() if values is None or (row.place < tuple(values) if back else row.place > tuple(values))]
        found: list[tuple[Any, ...]] = [(*row.place, row) for row in (few[-number:] if back else few[:number])]
        for table in self.tables:
            source = _source(table)
            rows = self._asked(table).order_by(*(("-not_after", "-pk") if back else ("not_after", "pk")))
            if values is not None:
                rows = rows.filter(_beyond(source, values, back))
            found += [(row.not_after, source, str(row.pk), (table, row)) for row in rows[:number]]
        found.sort(key=lambda entry: entry[:3], reverse=back)
        return self._built([entry[3] for entry in found[:number]])

    def _built(self, entries: Sequence[Any]) -> list[BoardRow]:
        """The rows of each table become things together."""
        rows = {index: entry for index, entry in enumerate(entries) if isinstance(entry, BoardRow)}
        for table in self.tables:
            own = [index for index, entry in enumerate(entries) if not isinstance(entry, BoardRow) and entry[0] is table]
            things = table.things([entries[index][1] for index in own], self.now) if own else []
            rows |= {index: self._row(thing, _source(table)) for index, thing in zip(own, things, strict=True)}
        return [rows[index] for index in range(len(entries))]

    @property
    def root(self) -> BoardRow | None:
        """The root that expires first."""
        return next((row for row in self.few if row.kind == Kind.ROOT), None)

    def first(self, matches: Callable[[BoardRow], bool], condition: Callable[[ExpiringTable], Q]) -> BoardRow | None:
        """The first row to expire among the few that match, and the rows of each table that meet its condition."""
        found: list[Any] = [(row.not_after, row) for row in self.few if matches(row)][:1]
        for table in self.tables:
            row = table.rows().filter(condition(table)).order_by("not_after", "pk").first()
            found += [(row.not_after, (table, row))] if row is not None else []
        return self._built([min(found, key=lambda entry: entry[0])[1]])[0] if found else None


def _read(texts: Sequence[str | None]) -> list[Any]:
    """The values of a cursor. Raises: CursorInvalid."""
    try:
        at, source, key = (known.read(text) for known, text in zip(PLACE, texts, strict=True))
        return [at, source, key if source == FEW else str(uuid.UUID(key))]
    except (ValueError, TypeError, OverflowError, ValidationError) as exc:
        raise CursorInvalid from exc


def _in_bucket(name: str, as_of: datetime) -> Q:
    """The same decisions as `pki.core.lifetime.bucket`, for the database."""
    borders = {known: as_of + timedelta(days=days) for known, days in lifetime.BUCKETS}
    names = [known for known, _ in lifetime.BUCKETS]
    if name == "expired":
        return Q(not_after__lt=as_of)
    if name == "later":
        return Q(not_after__gte=borders[names[-1]])
    if name not in borders:
        return Q()
    begin = as_of if name == names[0] else borders[names[names.index(name) - 1]]
    return Q(not_after__gte=begin, not_after__lt=borders[name])


def _source(table: ExpiringTable) -> str:
    return type(table).__name__


def _beyond(source: str, values: Sequence[Any], back: bool) -> Q:
    at, place, key = values
    compare = "lt" if back else "gt"
    found = Q(**{f"not_after__{compare}": at})
    if source == place:
        return found | Q(**{"not_after": at, f"pk__{compare}": key})
    return found | Q(not_after=at) if (source < place) == back else found


def _part(rows: list[BoardRow], *, before: int, earlier: bool, later: bool) -> Part:
    def cursor(row: BoardRow, *, back: bool, at: int) -> str:
        return str(Cursor(ORDER.name, back, at, [row.not_after.isoformat(), row.source, row.identity]))

    previous = cursor(rows[0], back=True, at=before) if rows and earlier else ""
    following = cursor(rows[-1], back=False, at=before + len(rows)) if rows and later else ""
    return Part(rows, before, previous, following)


def next_that_matters(rows: ExpiryRows) -> BoardRow | None:
    """The next thing to expire, besides unused browser certificates, and lists that are signed each day."""
    return rows.first(lambda row: row.matters, lambda table: Q() if table.kind == "" else table.by_hand(rows.now))


def expiry_board(rows: ExpiryRows) -> Board:
    """Everything that the board counts, whatever its filter. Raises: ZoneMissing."""
    groups, dues = [_group(row, row.not_after) for row in rows.few], [_group(row, row.due_at) for row in rows.few if row.due_at]
    for table in rows.tables:
        counted = _grouped(table, table.rows(), "not_after", rows.as_of)
        hands = {
            key: group.count
            for key, group in _grouped(table, table.rows().filter(table.by_hand(rows.now)), "not_after", rows.as_of).items()
        }
        own = [replace(group, by_hand=hands.get(key, 0)) for key, group in counted.items()]
        groups += own
        dues += _dues(table, rows, own)
    return Board(
        now=rows.now, as_of=rows.as_of, groups=groups, dues=dues, without_end=rows.without_end,
        first=rows.first(lambda row: True, lambda table: Q()),
        next=next_that_matters(rows),
        waiting=rows.first(lambda row: row.needs_a_hand, lambda table: table.by_hand(rows.now)),
        root=rows.root,
    )  # fmt: skip


def _group(row: BoardRow, at: datetime) -> Group:
    return Group(row.kind, at, at, 1, int(row.needs_a_hand))


Grouping = tuple[str, str, bool]


def _grouped(table: ExpiringTable, rows: "QuerySet[Any]", name: str, as_of: datetime) -> dict[Grouping, Group]:
    """Groups of one month, kind and bucket. The text of a time begins with its month on both engines, and that is faster than their functions for dates."""
    buckets = [When(_in_bucket(bucket, as_of), then=Value(bucket)) for bucket in lifetime.BUCKET_NAMES] if name == "not_after" else []
    bucket = Case(*buckets, default=Value("")) if buckets else Value("")
    kind = F("kind") if not table.kind else Value(table.kind)
    months = (
        rows.order_by().annotate(kind_=kind, month=Left(Cast(name, CharField()), 7), bucket_=bucket).values("kind_", "month", "bucket_")
    )
    found = months.annotate(count=Count("*"), first=Min(name), last=Max(name))
    return {(row["kind_"], row["month"], row["bucket_"]): Group(row["kind_"], row["first"], row["last"], row["count"], 0) for row in found}


def _dues(table: ExpiringTable, rows: ExpiryRows, groups: Collection[Group]) -> list[Group]:
    """Groups of the things that are renewed automatically, by the month in which they are due. `groups` are all of the table."""
    forecast = table.forecast()
    if forecast is None:
        return []
    every, by_hand, rest_at = table.rows().filter(forecast.own), table.by_hand(rows.now), forecast.rest_at
    counted = _grouped(table, every, forecast.field, rows.as_of)
    hands = _grouped(table, every.filter(by_hand), forecast.field, rows.as_of)
    own = [replace(group, count=group.count - hands[key].count if key in hands else group.count) for key, group in counted.items()]
    if rest_at is None:
        return [group for group in own if group.count]
    rest = Counter[str]()
    for group in groups:
        rest[group.kind] += group.count - group.by_hand
    for group in own:
        rest[group.kind] -= group.count
    sooner = [
        group if group.last <= rest_at else replace(group, first=min(group.first, rest_at), last=rest_at) for group in own if group.count
    ]
    return [*sooner, *(Group(kind, rest_at, rest_at, count, 0) for kind, count in rest.items() if count > 0)]


def coming(rows: ExpiryRows) -> tuple[int, int]:
    """How many things act before `as_of`: automatically, and by hand. Things act when they are due, or else when they expire."""
    few = [row for row in rows.few if row.before]
    automatic, by_hand = sum(not row.needs_a_hand for row in few), sum(row.needs_a_hand for row in few)
    for table in rows.tables:
        hands = table.by_hand(rows.now)
        by_hand += table.rows().filter(hands, not_after__lte=rows.as_of).count()
        automatic += table.rows().filter(table.replaced_by(rows.as_of) | Q(not_after__lte=rows.as_of)).exclude(hands).count()
    return automatic, by_hand
