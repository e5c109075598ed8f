"""Paging by key: every row once, in every order, in both directions, and no cursor that breaks anything."""

import json
import random
import uuid
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Case, Q, When

from nodes.inventory.lists import NodeList
from nodes.models import Node, Observation
from tests import factories
from web.errors import InputInvalid
from web.lists.counts import Decided, Unusual
from web.lists.keyset import Cursor, CursorInvalid, InGroups, Rows, order_of

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ROWS = Node.objects.select_related("observation")
KEY = str(uuid.UUID(int=7))


def written(*parts: Any) -> str:
    return urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.fixture(autouse=True)
def nodes() -> None:
    """23 nodes with equal values and missing values in what they are sorted by."""
    draw = random.Random(7)
    for number in range(23):
        node = factories.node(f"rim{number}", at=NOW, address=draw.choice(["", "10.0.0.1", "10.0.0.2"]), generation=draw.randrange(3))
        if number % 3:
            Observation.objects.create(node=node, last_seen_at=NOW - timedelta(seconds=draw.randrange(4)), address="10.0.0.1")


ORDERS = [("name",), ("address",), ("-generation", "name"), ("observation__last_seen_at",), ("registered_at",)]


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("fields", ORDERS, ids=" ".join)
@pytest.mark.parametrize("size", [1, 4, 22, 23, 24])
def test_every_row_is_on_one_page_in_both_directions(fields: Sequence[str], sign: str, size: int) -> None:
    source = Rows(ROWS, order_of(ROWS, f"{sign}x", fields))
    part = source.part(size=size)
    ahead, parts = [row.pk for row in part.rows], [part]
    while part.next:
        part = source.part(size=size, cursor=part.next)
        assert part.before == len(ahead)
        ahead += [row.pk for row in part.rows]
        parts.append(part)
    assert sorted(ahead) == sorted(ROWS.values_list("pk", flat=True))
    for earlier in reversed(parts[:-1]):
        part = source.part(size=size, cursor=part.previous)
        assert ([row.pk for row in part.rows], part.before) == ([row.pk for row in earlier.rows], earlier.before)
    assert part.previous == ""
    assert [row.pk for rows in source.batches(size) for row in rows] == ahead
    last = source.part(size=size, cursor=source.last_cursor(23))
    assert ([row.pk for row in last.rows], last.next) == (ahead[-size:], "")
    for number, earlier in enumerate(parts, 1):
        assert source.numbered(size=size, number=number) == earlier
    with pytest.raises(InputInvalid):
        source.numbered(size=size, number=len(parts) + 1)


def test_rows_without_a_value_come_last_in_both_directions() -> None:
    for sign in ("", "-"):
        source = Rows(ROWS, order_of(ROWS, f"{sign}seen", ["observation__last_seen_at"]))
        seen = [row.observed is not None for row in source.part(size=50).rows]
        assert seen == sorted(seen, reverse=True)


RANKED = ROWS.annotate(rank=Case(When(generation=0, then=1), When(generation=1, then=2), default=3))
COLUMNS = {
    "few are unusual": lambda: Unusual(RANKED, "rank", 3, Q(generation__lt=2)),
    "an index finds one value": lambda: Decided(RANKED, "rank", [1, 2, 3], {1: Q(generation=0)}),
}


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("size", [1, 4, 23])
def test_pages_in_groups_are_those_of_all_rows_in_order(kind: str, sign: str, size: int) -> None:
    column, order = COLUMNS[kind](), order_of(RANKED, f"{sign}rank", ["rank", "name"])
    plain, grouped = Rows(RANKED, order), InGroups(column.rows, order, column)
    assert column.groups
    wanted, part = plain.part(size=size), grouped.part(size=size)
    for number in range(1, -(-23 // size) + 1):
        assert part == wanted == grouped.numbered(size=size, number=number)
        assert [row.rank for row in part.rows] == [row.rank for row in wanted.rows]
        if part.previous:
            assert grouped.part(size=size, cursor=part.previous) == plain.part(size=size, cursor=part.previous)
        if part.next:
            wanted, part = plain.part(size=size, cursor=part.next), grouped.part(size=size, cursor=part.next)
    last = plain.last_cursor(23)
    assert grouped.part(size=size, cursor=last) == plain.part(size=size, cursor=last)
    assert column.counts([1, 2, 3]) == Counter(RANKED.values_list("rank", flat=True))


def test_a_cursor_with_a_value_that_no_group_has_is_refused() -> None:
    column, order = COLUMNS["an index finds one value"](), order_of(RANKED, "rank", ["rank", "name"])
    with pytest.raises(CursorInvalid):
        InGroups(column.rows, order, column).part(size=4, cursor=written("rank", False, 3, ["7", "rim1", KEY]))


def test_a_page_begins_after_its_cursor_though_rows_before_it_are_gone() -> None:
    source = NodeList().source(ROWS, "name")
    first = source.part(size=5)
    Node.objects.filter(pk__in=[row.pk for row in first.rows]).delete()
    following = source.part(size=5, cursor=first.next)
    assert [row.name for row in following.rows] == ["rim13", "rim14", "rim15", "rim16", "rim17"]
    back = source.part(size=5, cursor=following.previous)
    assert ([row.name for row in back.rows], back.before) == (["rim13", "rim14", "rim15", "rim16", "rim17"], 0)


GARBAGE = [
    "x", "a", "=", "é", "\0", "[" * 1900, "W" * 5000, written(), written("name"), written("name", 1, 2, 3), written("name", False, -1, ["a", KEY]),
    written("name", False, True, ["a", KEY]), written("name", False, 10**30, ["a", KEY]), written("name", False, 1, ["a"]), written("name", False, 1, []),
    written("name", False, 1, ["a", "b"]), written("name", False, 1, [None, KEY]), written("name", False, 1, ["a", None]), written("name", False, 1, ["\0", KEY]),
    written("name", False, 1, ["\ud800", KEY]), written("name", False, 1, [["a"], KEY]), written("name", False, 1, [7, KEY]), written("-name", False, 1, ["a", KEY]),
    written("name", False, 1, {"a": KEY}), written(["name"], False, 1, ["a", KEY]), urlsafe_b64encode(b"[" * 1400).decode(), urlsafe_b64encode(b"\xff\xff").decode(),
]  # fmt: skip


@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_a_changed_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalid):
        NodeList().source(ROWS, "name").part(size=5, cursor=text)


@pytest.mark.parametrize("value", ["2026-11-30T12:00:00", "yesterday", "", "9" * 40, "0001-01-01T00:00:00+14:00"])
def test_a_cursor_without_a_valid_time_is_refused(value: str) -> None:
    source = NodeList().source(ROWS, "seen")
    with pytest.raises(CursorInvalid):
        source.part(size=5, cursor=str(Cursor("seen", False, 0, [value, KEY])))
