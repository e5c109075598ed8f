"""Lists of events: every filter alone and with others, the pages of a long log, and clocks that differ."""

import itertools
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import listing
from audit.actors import SYSTEM, Actor
from audit.listing import EventFilter, EventPage, events_page, name_of, names_found
from audit.models import Outcome
from audit.record import record
from audit.request import request_began
from nodes.models import Node

pytestmark = pytest.mark.django_db
START, HOUR = datetime(2026, 11, 1, tzinfo=UTC), timedelta(hours=1)
ANN, TOKEN = Actor("user", "ann"), Actor("token", "ci")
RIM, HUB = uuid.UUID(int=1), uuid.UUID(int=2)


def write(number: int, actor: Actor, action: str, target: uuid.UUID, outcome: Outcome = Outcome.DONE, **detail: object) -> None:
    """The event `number`, an hour after the one before."""
    node = Node(pk=target, name="rim" if target == RIM else "hub")
    with request_began(id=f"request {number // 2}", address_of_client=""):
        record(actor=actor, action=action, target=node, detail=detail, now=START + number * HOUR, outcome=outcome)


@pytest.fixture(autouse=True)
def log() -> None:
    write(1, ANN, "node.created", RIM, name="rim")
    write(2, SYSTEM, "node.transition", RIM, reason="the Password was typed")
    write(3, ANN, "node.created", HUB, name='Zoë\'s 100 % "hub"')
    write(4, TOKEN, "node.changed", RIM, Outcome.REFUSED, field="host_name")
    write(5, SYSTEM, "node.transition", HUB, Outcome.FAILED)
    write(6, ANN, "node.changed", RIM, note="a\\b")


def found(**wanted: Any) -> list[int]:
    return [event.sequence for event in events_page(EventFilter(**wanted), size=50).rows]


FILTERS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "none": ({}, [6, 5, 4, 3, 2, 1]),
    "actor": ({"actor": "ann"}, [6, 3, 1]),
    "a token": ({"actor": "token ci"}, [4]),
    "a part of an actor": ({"actor": "an"}, []),
    "action": ({"action": "node.changed"}, [6, 4]),
    "an id": ({"target": str(HUB)}, [5, 3]),
    "an id without hyphens": ({"target": HUB.hex}, [5, 3]),
    "a name": ({"target": "rim"}, [6, 4, 2, 1]),
    "an unknown name": ({"target": "r%"}, []),
    "an outcome": ({"outcome": "refused"}, [4]),
    "the usual outcome": ({"outcome": "done"}, [6, 3, 2, 1]),
    "a request": ({"request_id": "request 1"}, [3, 2]),
    "a part of a request": ({"request_id": "request"}, []),
    "a request and its outcome": ({"request_id": "request 2", "outcome": "failed"}, [5]),
    "since": ({"since": START + 4 * HOUR}, [6, 5, 4]),
    "until": ({"until": START + 4 * HOUR}, [3, 2, 1]),
    "a range": ({"since": START + 2 * HOUR, "until": START + 3 * HOUR}, [2]),
    "an empty range": ({"since": START + 3 * HOUR, "until": START + 2 * HOUR}, []),
    "the future": ({"since": START + timedelta(days=4000)}, []),
    "before the log": ({"until": START}, []),
    "all times": ({"since": datetime.min.replace(tzinfo=UTC), "until": datetime.max.replace(tzinfo=UTC)}, [6, 5, 4, 3, 2, 1]),
    "a search in actors": ({"search": "ToKeN"}, [4]),
    "a search in actions": ({"search": "transition"}, [5, 2]),
    "a search in names": ({"search": "hub"}, [5, 3]),
    "a search in outcomes": ({"search": "refused"}, [4]),
    "a search in details": ({"search": "password was"}, [2]),
    "a letter beyond ASCII": ({"search": "Zoë"}, [3]),
    "a percent sign": ({"search": "%"}, [3]),
    "an underscore": ({"search": "_"}, [4]),
    "a quote": ({"search": '"hub"'}, [3]),
    "a backslash": ({"search": "a\\b"}, [6]),
    "nothing like it": ({"search": "zzz"}, []),
    "actor and action": ({"actor": "ann", "action": "node.created"}, [3, 1]),
    "actor and target": ({"actor": "ann", "target": "rim"}, [6, 1]),
    "all": (
        {
            "actor": "ann", "action": "node.changed", "target": "rim", "since": START, "until": START + 9 * HOUR, "search": "note",
        },
        [6],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "events"), FILTERS.values(), ids=FILTERS.keys())
def test_each_filter_finds_its_events(wanted: dict[str, Any], events: list[int]) -> None:
    assert found(**wanted) == events


def pages(size: int, **wanted: Any) -> Iterator[EventPage]:
    page = events_page(EventFilter(**wanted), size=size)
    yield page
    while page.before:
        page = events_page(EventFilter(**wanted), before=page.before, size=size)
        yield page


@pytest.mark.parametrize(("wanted", "events"), FILTERS.values(), ids=FILTERS.keys())
def test_the_pages_have_each_event_once(wanted: dict[str, Any], events: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for size, examined in itertools.product([1, 2, 4, 6, 50], [1, 2, 3, 50]):
        monkeypatch.setattr(listing, "MOST_EXAMINED", examined)
        assert [event.sequence for page in pages(size, **wanted) for event in page.rows] == events, (size, examined)


def test_a_search_continues_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_EXAMINED", 2)
    assert [([event.sequence for event in page.rows], page.before) for page in pages(50, search="refused")] == [
        ([], 5),
        ([4], 3),
        ([], 1),
        ([], None),
    ]
    # The name of the target has four events. The search examines only these.
    assert [([event.sequence for event in page.rows], page.before) for page in pages(50, search="refused", target="rim")] == [
        ([4], 4),
        ([], 1),
        ([], None),
    ]


def test_clocks_that_differ_hide_no_event() -> None:
    write(4, ANN, "set back", RIM)  # sequence 7
    write(-9000, ANN, "long ago", RIM)
    write(9000, ANN, "far ahead", RIM)
    write(7, ANN, "right again", RIM)
    assert found(since=START + 4 * HOUR, until=START + 5 * HOUR) == [7, 4]
    assert found(until=START) == [8]
    assert found(since=START + 100 * HOUR) == [9]
    assert found(since=START - 100 * HOUR, until=START + 100 * HOUR) == [10, 7, 6, 5, 4, 3, 2, 1]


def test_the_number_of_queries_does_not_depend_on_the_log() -> None:
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            events_page(EventFilter("ann", "node.changed", "rim", START, START + 9 * HOUR, "note"), size=3)
        counts.append(len(queries))
        for number in range(60):
            write(number, ANN, "node.changed", RIM, note="x")
    assert counts == [8, 8]


INDEXES = {
    "actor": ("events_of_actor", {"actor": "ann"}),
    "action": ("events_of_action", {"action": "node.changed"}),
    "id": ("events_of_target", {"target": str(RIM)}),
    "name": ("events_of_label", {"target": "rim"}),
    "outcome": ("events_of_outcome", {"outcome": "refused"}),
    "request": ("events_of_request", {"request_id": "request 1"}),
}


@pytest.mark.parametrize(("index", "wanted"), INDEXES.values(), ids=INDEXES.keys())
def test_a_filter_reads_the_log_in_its_order(index: str, wanted: dict[str, str]) -> None:
    """Without sorting what it finds."""
    with CaptureQueriesContext(connection) as queries:
        events_page(EventFilter(**wanted, search="note"), size=50)
    for query in queries.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("explain query plan " + query["sql"].replace("%", "%%"))
            plan = " ".join(row[3] for row in cursor.fetchall())
        assert (index in plan, "TEMP B-TREE" in plan) == (True, False), plan


@pytest.mark.parametrize(
    ("field", "text", "names"),
    [
        ("actor", "", ["ann", "system", "token ci"]),
        ("actor", "N", ["ann", "token ci"]),
        ("target_label", "im", ["rim"]),
        ("actor", "%", []),
    ],
)
def test_names_are_found_in_the_newest_events(field: str, text: str, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(names_found(field, text)) == names
    monkeypatch.setattr(listing, "MOST_EXAMINED", 2)
    assert list(names_found("actor", "")) == ["ann", "system"]


def test_the_name_of_an_object_is_the_newest_one() -> None:
    record(actor=ANN, action="node.changed", target=Node(pk=HUB, name="renamed"), detail={}, now=START)
    assert (name_of(HUB), name_of(uuid.UUID(int=3))) == ("renamed", None)
