"""Editing a node: by page and API, what can be changed and what cannot, and taking over the address from which it calls."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from audit.models import Event
from nodes.dial.services import _although_it_calls
from nodes.models import CallerFinding, Node, Observation
from tests import factories
from tests.problems import error_fields

FIELDS: dict[str, Any] = {
    "name": "rim one", "address": "10.0.0.7", "distribution_port": 5444, "node_port": 5242, "subject_alternative_names": ["www.corp.example", "10.0.0.8"],
    "services": ["engine", "proxy"], "tags": ["rack-7", "prod"], "notes": "Second rack.\nAsk first.",
}  # fmt: skip


@pytest.fixture
def node(site_directory: Path) -> Node:
    now = timezone.now()
    factories.node("rim2", at=now, state="created")
    node = factories.registered_node()
    Observation.objects.create(node=node, last_seen_at=now, address="10.0.0.7")
    return node


@pytest.fixture
def client(db: None) -> Client:
    return factories.administrator()


def patch(client: Client, node: Node, body: Any) -> Any:
    return client.patch(f"/api/v1/nodes/{node.pk}/", body, content_type="application/json", secure=True)


def named(answer: Any) -> set[str]:
    """The fields that a problem names."""
    return {*error_fields(answer.json())}


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_can_be_changed_alone(client: Client, node: Node, name: str) -> None:
    answer = patch(client, node, {name: FIELDS[name]})
    assert (answer.status_code, answer.json()[name]) == (200, FIELDS[name])
    (event,) = Event.objects.filter(action="node.changed")
    assert (event.target_id, event.detail["to"], [*event.detail["from"]]) == (node.pk, {name: FIELDS[name]}, [name])


def test_the_history_says_what_was_changed_to_what(client: Client, node: Node) -> None:
    patch(client, node, {"name": "rim9", "subject_alternative_names": ["a.example", "b.example"]})
    page = client.get(f"/nodes/{node.pk}/history/", secure=True).content.decode()
    assert "Changed: name from rim1 to rim9; subject alternative names from none to a.example, b.example" in page


def test_what_changes_nothing_is_no_event(client: Client, node: Node) -> None:
    for body in ({}, {"name": "rim1"}, {"host_name": "rim1.example", "address": "10.0.0.5"}):
        assert patch(client, node, body).status_code == 200
    assert not Event.objects.filter(action="node.changed").exists()


REFUSED = {
    "host name": ({"host_name": "other.example"}, "host_name"),
    "unknown field": ({"color": "red"}, "color"),
    "state": ({"state": "registered"}, "state"),
    "name of another": ({"name": "RIM2"}, "name"),
    "empty name": ({"name": " "}, "name"),
    "no address": ({"address": "rim1.example"}, "address"),
    "unspecified address": ({"address": "0.0.0.0"}, "address"),
    "port 0": ({"node_port": 0}, "node_port"),
    "port as text": ({"node_port": "4242"}, "node_port"),
    "null": ({"address": None}, "address"),
    "further name": ({"subject_alternative_names": ["a b"]}, "subject_alternative_names"),
    "service": ({"services": ["coffee"]}, "services"),
    "tag": ({"tags": ["a b"]}, "tags"),
    "tags as text": ({"tags": "a"}, "tags"),
    "notes": ({"notes": "a\0"}, "notes"),
}


@pytest.mark.parametrize(("body", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_a_400_that_names_the_field(client: Client, node: Node, body: dict[str, Any], field: str) -> None:
    answer = patch(client, node, body)
    assert (answer.status_code, named(answer)) == (400, {field})
    assert Node.objects.filter(pk=node.pk, name="rim1", address="10.0.0.5", node_port=4242).exists()


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null", "{"])
def test_a_body_that_is_no_object_is_a_400(client: Client, node: Node, body: str) -> None:
    assert patch(client, node, body).status_code == 400


def test_a_decommissioned_node_and_the_place_of_the_central_node_stay(client: Client, node: Node) -> None:
    central = Node.objects.get(is_central=True)
    assert patch(client, central, {"name": "hub", "services": ["repository"]}).status_code == 200
    answer = patch(client, central, {"address": "10.0.0.1", "node_port": 4243})
    assert (answer.status_code, named(answer)) == (400, {"address", "node_port"})
    Node.objects.filter(pk=node.pk).update(state="decommissioned")
    assert patch(client, node, {"name": "x"}).status_code == 409


@pytest.mark.parametrize(("host_name", "way"), [("Central.Example", "Choose another name"), ("RIM1.example", "press Redistribute")])
def test_a_host_name_that_is_taken_is_refused_with_a_way_that_works(client: Client, node: Node, host_name: str, way: str) -> None:
    body = {"name": "new", "host_name": host_name, "address": "10.0.0.9"}
    answer = client.post("/api/v1/nodes/", body, content_type="application/json", secure=True)
    assert (answer.status_code, way in answer.json()["detail"]) == (400, True)


def test_only_who_may_change_nodes_does(node: Node) -> None:
    user, somebody = User.objects.create_user("eve"), Client()
    user.user_permissions.add(Permission.objects.get(codename="view_node"))
    somebody.force_login(user)
    assert patch(somebody, node, {"name": "x"}).status_code == 403
    for path in ("edit/", "take-address/"):
        assert somebody.post(f"/nodes/{node.pk}/{path}", {}, secure=True).status_code == 403
    shown = somebody.get(f"/nodes/{node.pk}/", secure=True).content.decode()
    assert "act-edit" not in shown
    assert "act-take-address" not in shown


def page_fields(**changes: Any) -> dict[str, Any]:
    kept = {
        "name": "rim1",
        "address": "10.0.0.5",
        "distribution_port": 4444,
        "node_port": 4242,
        "subject_alternative_names": "",
        "services": [],
    }
    return kept | changes


def test_the_page_changes_a_node_and_loses_nothing_on_an_error(client: Client, node: Node) -> None:
    url = f"/nodes/{node.pk}/edit/"
    shown = client.get(url, secure=True).content.decode()
    assert 'value="10.0.0.5"' in shown
    assert "host_name" not in shown
    answer = client.post(url, page_fields(name="rim2", address="10.0.0.99", subject_alternative_names="www.example\n10.0.0.8"), secure=True)
    again = answer.content.decode()
    assert answer.status_code == 409
    assert "A node with this name already exists" in again
    assert 'value="10.0.0.99"' in again
    assert "www.example\n10.0.0.8" in again
    assert client.post(url, page_fields(address="10.0.0.99", services=["engine"]), secure=True).status_code == 302
    assert Node.objects.filter(pk=node.pk, address="10.0.0.99", services=["engine"]).exists()


def test_the_node_page_says_from_where_it_calls_and_takes_it_over(client: Client, node: Node) -> None:
    shown = client.get(f"/nodes/{node.pk}/", secure=True).content.decode()
    assert "Change it to 10.0.0.7" in shown
    assert client.post(f"/nodes/{node.pk}/take-address/", secure=True).status_code == 302
    assert Node.objects.get(pk=node.pk).address == "10.0.0.7"
    assert "act-take-address" not in client.get(f"/nodes/{node.pk}/", secure=True).content.decode()


@pytest.mark.parametrize(
    ("own", "seen", "differs"),
    [("10.0.0.5", "10.0.0.7", "10.0.0.7"), ("10.0.0.5", "10.0.0.5", ""), ("", "10.0.0.7", ""), ("127.0.0.2", "127.0.0.1", ""), ("10.0.0.5", "", ""),
     ("2001:db8::0:1", "2001:db8::1", "")],
)  # fmt: skip
def test_what_counts_as_another_address(node: Node, own: str, seen: str, differs: str) -> None:
    Observation.objects.update(address=seen)
    Node.objects.filter(pk=node.pk).update(address=own)
    assert Node.objects.get(pk=node.pk).calls_from == differs


def test_two_callers_hide_the_offer_to_take_an_address_over(client: Client, node: Node) -> None:
    now = timezone.now()
    CallerFinding.objects.create(key="k", kind="two-callers", node=node, address="10.0.0.7", first_at=now, last_at=now)
    assert "act-take-address" not in client.get(f"/nodes/{node.pk}/", secure=True).content.decode()


@pytest.mark.parametrize(
    ("own", "words"),
    [("10.0.0.5", "It calls from 10.0.0.7, but its recorded address is 10.0.0.5. If the node has moved, change the address"), ("", "Check that rim1.example resolves to this address"), ("10.0.0.7", "Check the port")],
)  # fmt: skip
def test_a_node_that_calls_and_is_not_reached_is_not_said_to_be_down(node: Node, own: str, words: str) -> None:
    node.address = own
    text = _although_it_calls(ConnectionRefusedError(), "10.0.0.5:4242", node)
    assert words in text
    assert "Start the agent" not in text
