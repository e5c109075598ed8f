"""What a plan says of each node is what the database counts, and it costs the same for any number of nodes."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.actors import SYSTEM
from certs.models import Rotation
from certs.roots.services import root_make
from certs.zone.services import zone_current
from nodes.models import CallerFinding, Node, Observation, Renewal
from nodes.renewal.blocked_reason import Readiness, blocked_column
from nodes.rotations.affected_nodes import affected_nodes
from nodes.rotations.database_key_view_models import nodes_before_key_rotation
from nodes.rotations.lists import AffectedList
from nodes.rotations.root import root_rotation_start
from nodes.rotations.root_view_models import nodes_before_root_rotation
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now()
FAILED, SILENT = "Its redistribution failed.", "The node is silent."
REGISTERING = "Its registration is in progress."
DISPUTED, NOT_FETCHED = "Two machines call as this node", "The node does not fetch its new certificates."
OLD, NO_DISK = "It still serves its old certificate.", "Its renewal is blocked: The disk is full."
BY_HAND, WAITS, AUTOMATIC = Readiness.BY_HAND, Readiness.SILENT, Readiness.AUTOMATIC


def node(name: str, *, calls: bool = True, silent: bool = False, **fields: object) -> Node:
    made = factories.node(name, at=NOW, **{"generation": 2} | fields)
    if calls:
        report = {"installed": {"service": "aa"}, "served": {"service": "aa"}}
        at = NOW - timedelta(minutes=1)
        Observation.objects.create(node=made, last_seen_at=at, silent_at=NOW + timedelta(hours=-1 if silent else 1), **report)
    return made


def disputed(of: Node) -> None:
    CallerFinding.objects.create(key=str(of.pk), kind="two-callers", node=of, address="10.0.0.9", first_at=NOW, last_at=NOW)


def renewal(status: str, *, reason: str = "", generation: int = 2, minutes: int = 1) -> Callable[[Node], None]:
    at = NOW - timedelta(minutes=minutes)
    return lambda of: (
        Renewal.objects.create(node=of, generation=generation, actor="ann", created_at=at, status=status, reason=reason) and None
    )


def serves(text: str | None, *, listening: bool = True, others: dict[str, str] | None = None) -> Callable[[Node], None]:
    def report(of: Node) -> None:
        seen = of.observation
        seen.served, seen.listening = {"service": text} | (others or {}), listening
        seen.save()

    return report


def nothing(of: Node) -> None:
    pass


# the fields of the node, what happened to it: how it gets a new root, and why not by itself; the same for a new database key
CASES: dict[str, tuple[dict, Callable[[Node], None], tuple[Readiness, str], tuple[Readiness, str]]] = {
    "calls": ({}, nothing, (AUTOMATIC, ""), (AUTOMATIC, "")),
    "silent": ({"silent": True}, nothing, (WAITS, SILENT), (WAITS, SILENT)),
    "has never called": ({"calls": False}, nothing, (WAITS, SILENT), (WAITS, SILENT)),
    "redistribution failed": ({"state": "failed", "registered_at": NOW}, nothing, (BY_HAND, FAILED), (BY_HAND, FAILED)),
    "is redistributed": ({"state": "verifying", "registered_at": NOW}, nothing, *2 * ((Readiness.REGISTERING, REGISTERING),)),
    "two callers": ({}, disputed, (BY_HAND, DISPUTED), (BY_HAND, DISPUTED)),
    "two callers, silent": ({"silent": True}, disputed, (BY_HAND, DISPUTED), (BY_HAND, DISPUTED)),
    "just offered": ({}, renewal("offered"), (AUTOMATIC, ""), (AUTOMATIC, "")),
    "does not fetch": ({}, renewal("offered", minutes=6), (BY_HAND, NOT_FETCHED), (BY_HAND, NOT_FETCHED)),
    "does not fetch, silent": ({"silent": True}, renewal("offered", minutes=6), (WAITS, SILENT), (WAITS, SILENT)),
    "renewal failed": ({}, renewal("failed", reason="The disk is full."), (BY_HAND, NO_DISK), (BY_HAND, NO_DISK)),
    "renewal stuck": ({}, renewal("proving", reason="The disk is full."), (BY_HAND, NO_DISK), (BY_HAND, NO_DISK)),
    "an older renewal failed": ({}, renewal("failed", reason="The disk is full.", generation=1), (AUTOMATIC, ""), (AUTOMATIC, "")),
    "renewed, with a reason from before": ({}, renewal("proved", reason="The disk was full."), (AUTOMATIC, ""), (AUTOMATIC, "")),
    "serves the old certificate": ({}, serves("bb"), (BY_HAND, OLD), (AUTOMATIC, "")),
    "another program serves it": ({}, serves("aa", others={"proxy": "bb"}), (AUTOMATIC, ""), (AUTOMATIC, "")),
    "does not listen": ({}, serves("bb", listening=False), (AUTOMATIC, ""), (AUTOMATIC, "")),
    "does not answer": ({}, serves(None, others={"proxy": "bb"}), (AUTOMATIC, ""), (AUTOMATIC, "")),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "event", "root", "key"), CASES.values(), ids=CASES)
def test_a_plan_says_how_each_node_gets_its_certificates(
    fields: dict, event: Callable[[Node], None], root: tuple[Readiness, str], key: tuple[Readiness, str]
) -> None:
    event(node("rim1", **fields))
    for rows, (readiness, reason) in ((nodes_before_root_rotation(now=NOW), root), (nodes_before_key_rotation(now=NOW), key)):
        (shown,) = AffectedList().shown(list(rows), NOW)
        assert (shown.readiness, shown.reason[: len(reason) or None]) == (readiness, reason)
        assert [(group.readiness, group.count) for group in affected_nodes(blocked_column(rows, now=NOW)).groups] == [(readiness, 1)]


def test_only_nodes_with_certificates_are_affected() -> None:
    for name, state in (("new", "created"), ("gone", "decommissioned"), ("first", "failed"), ("joins", "issuing")):
        factories.node(name, at=NOW, state=state)
    assert [row.name for row in nodes_before_root_rotation(now=NOW)] == ["joins"]
    assert [row.name for row in nodes_before_key_rotation(now=NOW)] == []


def test_the_worst_nodes_are_first_on_every_page() -> None:
    for number, (fields, event, _, _) in enumerate(CASES.values()):
        event(node(f"rim{number:02}", **fields))
    rows = nodes_before_root_rotation(now=NOW)
    declared = AffectedList(computed=blocked_column(rows, now=NOW))
    found = [row for part in declared.source(rows, "readiness").batches(5) for row in declared.shown(part, NOW)]
    ranks = [list(Readiness).index(row.readiness) for row in found]
    assert (len(found), ranks) == (len(CASES), sorted(ranks))
    counted = affected_nodes(blocked_column(rows, now=NOW))
    assert (counted.total, [group.readiness for group in counted.groups]) == (len(CASES), list(Readiness))


@pytest.mark.parametrize("sort", ["readiness", "-readiness", "node"])
def test_pages_of_a_plan_agree_in_both_directions_and_by_number(sort: str) -> None:
    for number, (fields, event, _, _) in enumerate(CASES.values()):
        event(node(f"rim{number:02}", **fields))
    rows, field = nodes_before_root_rotation(now=NOW), "name" if sort == "node" else "blocked"
    source = AffectedList(computed=blocked_column(rows, now=NOW)).source(rows, sort)
    places = sorted((getattr(row, field), row.name) for row in rows)
    in_order = [name for _, name in (reversed(places) if sort.startswith("-") else places)]
    (whole,) = source.batches(1000)
    assert [row.name for row in whole] == in_order
    for number in range(1, -(-len(in_order) // 4) + 1):
        assert [row.name for row in source.numbered(size=4, number=number).rows] == in_order[4 * number - 4 : 4 * number]
    part = source.part(size=4, cursor=source.last_cursor(len(in_order)))
    found = [row.name for row in part.rows]
    while part.previous:
        part = source.part(size=4, cursor=part.previous)
        found = [row.name for row in part.rows if row.name not in found] + found
    assert found == in_order


PLANS = ("roots:rotate", "database_key:rotate", "recreate_root", "database_key:show")


def test_the_number_of_queries_of_a_plan_does_not_grow_with_the_number_of_nodes(site_directory: Path) -> None:
    client, costs = factories.administrator(), []
    for numbers in (range(50), range(50, 500)):
        for number in numbers:
            node(f"rim{number:03}", silent=number % 3 == 0)
        costs.append([cost(client, reverse(name)) for name in PLANS])
    assert all(later <= earlier for earlier, later in zip(*costs, strict=True))  # fewer, if the blocked nodes fill a page
    assert max(costs[0]) <= 25


def cost(client: Client, url: str) -> int:
    client.get(url, secure=True)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(url, secure=True)
    assert answer.status_code == 200
    assert len(answer.content) < 150_000
    return len(asked)


def test_a_plan_is_counted_searched_and_downloaded(site_directory: Path) -> None:
    client = factories.administrator()
    for number in range(60):
        node(f"rim{number:02}", silent=number == 7, services=["=engine"])
    page = client.get(reverse("roots:rotate"), secure=True).content.decode()
    assert ">2 nodes</a> are silent. The rotation waits until they call" in page  # one of them is the central node
    assert ">59 nodes</a> get new certificates automatically." in page
    assert page.index("rim07") < page.index("rim00")
    found = client.get(reverse("database_key:rotate") + "?search=rim07", secure=True).content.decode()
    assert ("rim07" in found, "rim08" in found) == (True, False)
    answer = client.get(reverse("roots:rotate") + "?readiness=silent&download=csv", secure=True)
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [(row["name"], row["readiness"], row["services"]) for row in rows] == [
        ("central", "silent", "repository"),
        ("rim07", "silent", "'=engine"),
    ]


def test_the_page_of_a_running_rotation_costs_the_same_for_many_nodes(site_directory: Path) -> None:
    client, costs = factories.administrator(), []
    rotation = root_rotation_start(actor=SYSTEM, now=NOW)
    root = root_make(zone=zone_current(), number=2, actor=SYSTEM, now=NOW)
    Rotation.objects.filter(pk=rotation.pk).update(to_root=root)
    urls = [
        reverse("roots:show"),
        reverse("roots:roll-back", args=[rotation.pk]),
        f"/api/v1/rotations/{rotation.pk}/",
        "/api/v1/attention/",
    ]
    for numbers in (range(50), range(50, 500)):
        for number in numbers:
            node(f"rim{number:03}", silent=number % 2 == 0)
        costs.append([cost(client, url) for url in urls])
    assert costs[0] == costs[1]
    page = client.get(urls[0], secure=True).content.decode()
    assert "Waiting for 501 nodes" in page
    assert ("rim000" in page, "rim001" in page) == (True, False)  # silent nodes are first
    answer = client.get(urls[2], secure=True).json()
    assert (answer["waits_for_total"], len(answer["waits_for"]), len(answer["nodes"])) == (501, 20, 100)
    trusting = Observation.objects.get(node__name="rim001")
    trusting.trusts = [root.sha256]
    trusting.save()
    found = client.get(urls[0] + "?waits=no&download=csv", secure=True)
    (row,) = csv.DictReader(io.StringIO(b"".join(found.streaming_content).decode()))  # type: ignore[attr-defined]
    assert (row["name"], row["trusts"], row["accepted"]) == ("rim001", "true", "false")
