"""GET /audit/: its form, its permission, its pages and bad input."""

import uuid
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from audit.actors import Actor
from audit.models import Event, Outcome
from audit.record import record
from nodes.models import Node
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PATH = "/api/v1/audit/"


@pytest.fixture
def node() -> Node:
    node = factories.node(at=NOW, state="created")
    for number in range(3):
        record(actor=Actor("user", "ann"), action="test", target=node, detail={"number": number}, now=NOW)
    return node


@pytest.fixture
def reader(client: Client) -> Client:
    """A person who may read the log and nothing else."""
    user = User.objects.create_user("reader")
    user.user_permissions.add(Permission.objects.get(codename="view_event", content_type__app_label="audit"))
    client.force_login(user)
    return client


def test_an_event_has_its_pinned_form(reader: Client, node: Node) -> None:
    record(actor=Actor("user", "ann"), action="node.decommission", target=node, detail={"why": "x"}, now=NOW, outcome=Outcome.REFUSED)
    event = reader.get(PATH, secure=True).json()["results"][0]
    assert event == {
        "sequence": Event.objects.count(), "at": "2026-11-30T12:00:00Z", "actor": "ann", "action": "node.decommission", "outcome": "refused",
        "target": {"type": "nodes.node", "id": str(node.pk), "label": node.name}, "detail": {"why": "x"}, "request_id": "",
        "address": "", "credential": None,
    }  # fmt: skip


def test_next_leads_through_the_whole_log(reader: Client, node: Node) -> None:
    url, found = f"{PATH}?target={node.pk}&page_size=2", []
    while url:
        answer = reader.get(url, secure=True).json()
        found += [event["detail"].get("number") for event in answer["results"]]
        url = answer["next"]
    assert found == [2, 1, 0]


def test_a_person_without_the_permission_is_refused(client: Client) -> None:
    client.force_login(User.objects.create_user("eve"))
    assert client.get(PATH, secure=True).status_code == 403


def test_events_of_one_request_have_its_id(client: Client, site_directory: object) -> None:
    client.force_login(User.objects.create_superuser("ann"))
    for name in ("rim", "hub"):
        body = {"name": name, "host_name": f"{name}.example", "address": "127.0.0.9"}
        assert client.post("/api/v1/nodes/", body, content_type="application/json", secure=True).status_code == 201
    ids = list(Event.objects.filter(action="node.created").values_list("request_id", flat=True))[:2]
    assert len({uuid.UUID(text) for text in ids}) == 2


BAD = [
    "page_size=1000000000", "page_size=0", "page_size=x", "page=2", "cursor=0", "cursor=-1", "cursor=x", f"cursor={2**63}", "since=yesterday",
    "until=2026-13-01", f"search={'x' * 10_000}", f"actor={'x' * 10_000}", f"target={'x' * 10_000}", "action=%00", "actor=a&actor=b", "outcome=fine", f"request_id={'x' * 41}", "sort=at",
]  # fmt: skip
HARMLESS = [
    "actor=&action=&target=&search=", "request_id=", "request_id=%25", "outcome=refused",
    "since=2999-01-01T00:00:00Z", "since=0001-01-01T00:00:00Z", "until=9999-12-31T23:59:59Z", "since=2026-11-30", "search=%25", "search=_", "search=%5C",
    "search=%27%3B--", "actor=%25", f"cursor={2**63 - 1}", "cursor=1", "target=x", "target=00000000-0000-0000-0000-000000000000",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD)
def test_bad_input_is_refused(query: str, reader: Client) -> None:
    assert reader.get(f"{PATH}?{query}", secure=True).status_code == 400


@pytest.mark.parametrize("query", HARMLESS)
def test_odd_input_is_answered(query: str, reader: Client, node: Node) -> None:
    assert reader.get(f"{PATH}?{query}", secure=True).status_code == 200


@pytest.mark.parametrize(("codenames", "reason"), [(["view_event"], None), (["view_event", "view_reason"], "it moved")])
def test_a_reason_needs_a_permission_of_its_own(client: Client, node: Node, codenames: list[str], reason: str | None) -> None:
    record(actor=Actor("user", "ann"), action="test", target=node, detail={"reason": "it moved", "to": "x"}, now=NOW)
    user = User.objects.create_user("some")
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames, content_type__app_label="audit"))
    client.force_login(user)
    assert client.get(PATH, secure=True).json()["results"][0]["detail"] == {"reason": reason, "to": "x"}
