"""Tags and notes of nodes: what is taken, how nodes are found by them, and that they are shown as text. Nodes with an older agent."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from agent.version import VERSION
from audit.actors import SYSTEM
from audit.models import Event
from bulk.models import BulkWork
from nodes.inventory.agents import is_older, with_older_agent
from nodes.inventory.change import node_change
from nodes.inventory.filters import tagged
from nodes.inventory.tags import LONGEST_NOTES, LONGEST_TAG, MOST_TAGS, notes_problems, stored, tags_problems, tags_stored
from nodes.models import Node, NodeTag, Observation
from tests import factories
from tests.bulk.test_worker import work_through

RIGHT_TO_LEFT, ISOLATE = "\u202e", "\u2066"
TAGS = {
    "plain": (["prod"], ""), "between": (["site-a.rack_7:u1/2"], ""), "letters of all languages": (["büro", "東京", "مكتب"], ""), "longest": (["x" * LONGEST_TAG], ""),
    "many": ([str(number) for number in range(MOST_TAGS)], ""), "too many": ([str(number) for number in range(MOST_TAGS + 1)], "at most 20 tags"),
    "empty": ([""], "1 to 32 characters"), "too long": (["x" * (LONGEST_TAG + 1)], "1 to 32 characters"), "space": (["a b"], "is not a tag"), "dash first": (["-a"], "is not a tag"),
    "script": (["<script>"], "is not a tag"), "direction of text": ([f"a{RIGHT_TO_LEFT}b"], "is not a tag"), "zero width": (["a\u200bb"], "is not a tag"),
    "NUL": (["a\0"], "is not a tag"), "formula": (["=1+1"], "is not a tag"),
}  # fmt: skip


@pytest.mark.parametrize(("tags", "problem"), TAGS.values(), ids=TAGS.keys())
def test_tags_are_words(tags: list[str], problem: str) -> None:
    found = " ".join(tags_problems(tags))
    assert problem in found
    assert bool(problem) is bool(found)


def test_a_tag_is_one_in_any_case_and_form() -> None:
    assert tags_stored(["Prod", "prod", "Bu\u0308ro", "büro"]) == ["prod", "büro"]
    assert stored("PROD") == "prod"


NOTES = {
    "lines": ("First.\n\tSecond <script>.", ""), "longest": ("x" * LONGEST_NOTES, ""), "too long": ("x" * (LONGEST_NOTES + 1), "These have 2001"),
    "direction of text": (f"pay{RIGHT_TO_LEFT}", "U+202E"), "isolate": (f"pay{ISOLATE}", "U+2066"), "NUL": ("a\0", "U+0000"), "escape": ("\x1b[31m", "U+001B"),
}  # fmt: skip


@pytest.mark.parametrize(("notes", "problem"), NOTES.values(), ids=NOTES.keys())
def test_notes_are_printable_lines(notes: str, problem: str) -> None:
    found = " ".join(notes_problems(notes))
    assert problem in found
    assert bool(problem) is bool(found)


@pytest.fixture
def client(db: None) -> Client:
    return factories.administrator()


@pytest.fixture
def nodes(site_directory: Path) -> dict[str, Node]:
    found = {name: factories.registered_node(name=name, host_name=f"{name}.example") for name in ("rim1", "rim2", "rim3")}
    for name, tags in {"rim1": ["prod", "rack-7"], "rim2": ["prod-eu"]}.items():
        node_change(actor=SYSTEM, node=found[name], now=timezone.now(), tags=tags)
    return found


def names(client: Client, query: str) -> set[str]:
    return {row["name"] for row in client.get(f"/api/v1/nodes/?{query}", secure=True).json()["results"]} - {"central.example"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [("tag=prod", {"rim1"}), ("tag=PROD", {"rim1"}), ("tag=pro", set()), ("search=rack-7", {"rim1"}), ("search=prod", {"rim1"}), ("search=rim", {"rim1", "rim2", "rim3"}),
     ("tag=prod&search=rim2", set())],
)  # fmt: skip
def test_nodes_are_found_by_a_whole_tag_in_any_case(client: Client, nodes: dict[str, Node], query: str, expected: set[str]) -> None:
    assert names(client, query) == expected


def test_the_list_suggests_tags_and_links_them(client: Client, nodes: dict[str, Node]) -> None:
    assert client.get("/nodes/?suggest=tag&tag=PRO", secure=True).content.decode().count("<option") == 2
    assert 'href="?tag=rack-7"' in client.get("/nodes/", secure=True).content.decode()
    assert "prod rack-7" in b"".join(client.get("/nodes/?download=csv", secure=True)).decode()  # type: ignore[arg-type]  # a streamed answer


def test_an_index_finds_the_nodes_of_a_tag_and_of_older_agents(db: None) -> None:
    plans = "\n".join(Node.objects.filter(condition).explain() for condition in (tagged("prod"), with_older_agent()))
    if connection.vendor == "sqlite":
        assert "COVERING INDEX sqlite_autoindex_nodes_nodetag_1 (tag=?)" in plans
        assert "SCAN nodes_node" not in plans


def test_a_node_is_created_with_tags_and_notes(client: Client, site_directory: Path) -> None:
    body = {"name": "new", "host_name": "new.example", "address": "10.0.0.9", "tags": ["B", "a", "b"], "notes": "one\r\ntwo"}
    made = client.post("/api/v1/nodes/", body, content_type="application/json", secure=True).json()
    assert (made["tags"], made["notes"]) == (["b", "a"], "one\ntwo")


def test_the_page_changes_and_clears_tags_and_notes(client: Client, nodes: dict[str, Node]) -> None:
    node, url = nodes["rim1"], f"/nodes/{nodes['rim1'].pk}/edit/"
    assert 'value="prod, rack-7"' in client.get(url, secure=True).content.decode()
    fields: dict[str, Any] = {"name": "rim1", "address": "10.0.0.5", "distribution_port": 4444, "node_port": 4242}
    typed = fields | {"tags": "Prod,  engines ,x y", "notes": "<b>bold</b>\r\nnext"}
    assert client.post(url, typed, secure=True).status_code == 302
    shown = client.get(f"/nodes/{node.pk}/", secure=True).content.decode()
    assert "&lt;b&gt;bold&lt;/b&gt;\nnext" in shown
    assert 'href="/nodes/?tag=engines"' in shown
    assert Event.objects.filter(action="node.changed").latest("sequence").detail["to"]["tags"] == ["prod", "engines", "x", "y"]
    assert client.post(url, fields, secure=True).status_code == 302
    assert not NodeTag.objects.filter(node=node).exists()
    assert "to none; the notes" not in client.get(f"/nodes/{node.pk}/", secure=True).content.decode()


def test_a_refused_tag_loses_nothing(client: Client, nodes: dict[str, Node]) -> None:
    typed = {"name": "rim1", "address": "10.0.0.5", "distribution_port": 4444, "node_port": 4242, "tags": "prod, <script>", "notes": "kept"}
    answer = client.post(f"/nodes/{nodes['rim1'].pk}/edit/", typed, secure=True)
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert 'value="prod, &lt;script&gt;"' in shown
    assert "kept</textarea>" in shown
    assert [row.tag for row in NodeTag.objects.filter(node=nodes["rim1"])] == ["prod", "rack-7"]


# what is asked → the tags of each node, or an error
TAG_MANY: dict[str, tuple[dict[str, str], dict[str, list[str]] | str]] = {
    "add": ({"add": "Engines, prod"}, {"rim1": ["prod", "rack-7", "engines"], "rim2": ["prod-eu", "engines", "prod"], "rim3": ["engines", "prod"]}),
    "remove": ({"remove": "PROD"}, {"rim1": ["rack-7"], "rim2": ["prod-eu"], "rim3": []}),
    "both": ({"add": "a", "remove": "rack-7 prod"}, {"rim1": ["a"], "rim2": ["prod-eu", "a"], "rim3": ["a"]}),
    "nothing": ({}, "Give a tag to add or to remove."),
    "no tag": ({"add": "<script>"}, "is not a tag"),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "expected"), TAG_MANY.values(), ids=TAG_MANY.keys())
def test_many_nodes_are_tagged(client: Client, nodes: dict[str, Node], asked: dict[str, str], expected: dict[str, list[str]] | str) -> None:
    body = {"action": "nodes.tag", "filter": {"search": "rim"}, "parameters": asked}
    answer = client.post("/api/v1/bulk/", body, content_type="application/json", secure=True)
    if isinstance(expected, str):
        assert answer.status_code == 400
        assert expected in answer.content.decode()
        return
    work_through(BulkWork.objects.get())
    assert {name: Node.objects.get(pk=node.pk).tags for name, node in nodes.items()} == expected


@pytest.mark.parametrize(("version", "older"), [("0.0.9", True), ("", True), (VERSION, False), ("0.100.0", False), ("100.0.0rc1", False)])
def test_versions_are_compared_by_number(version: str, older: bool) -> None:
    assert is_older(version) is older


def test_nodes_with_an_older_agent_are_listed(client: Client, nodes: dict[str, Node]) -> None:
    for name, version in {"rim1": "0.0.9", "rim2": VERSION}.items():
        Observation.objects.create(node=nodes[name], last_seen_at=timezone.now(), version=version, system="Linux 6.1")
    assert names(client, "agent=older") == {"rim1"}
    assert client.get(f"/api/v1/nodes/{nodes['rim1'].pk}/", secure=True).json()["agent_version"] == "0.0.9"
    assert client.get("/nodes/?agent=older", secure=True).content.decode().count(">older<") == 1
