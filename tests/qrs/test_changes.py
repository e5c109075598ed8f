"""Create, change, register and decommission nodes through the QRS-compatible API."""

import socket
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from nodes.models import Node
from tests import factories
from tests.qrs.calls import central_certificate, on_console, on_node_api, path_of

pytestmark = pytest.mark.django_db
CONTAINER = path_of("servernodeconfiguration/container")
# As qlik-repo-api sends it.
ENABLED = {"engineEnabled": True, "proxyEnabled": True, "schedulerEnabled": True, "printingEnabled": False, "nodePurpose": 2}


@pytest.fixture
def call(site_directory: Path) -> Any:
    return on_node_api(central_certificate())


@pytest.mark.parametrize(
    "body",
    [
        {"name": "rim1", "hostName": "rim1.example", "configuration": ENABLED},
        {"configuration": ENABLED | {"name": "rim1", "hostName": "rim1.example"}},
    ],
    ids=["names outside", "names inside"],
)
def test_container_creates_a_node_and_answers_its_ids(call: Any, body: dict[str, Any]) -> None:
    answer = call("POST", CONTAINER, body)
    node = Node.objects.get(name="rim1")
    assert (answer.status, answer.json["configuration"]["id"], node.state) == (201, str(node.pk), "created")
    assert sorted(node.services) == ["engine", "proxy", "scheduler"]
    assert {name for name in answer.json if name.endswith("ServiceID")} == {
        "repositoryServiceID", "proxyServiceID", "schedulerServiceID", "engineServiceID", "printingServiceID",
    }  # fmt: skip
    event = Event.objects.get(action="node.created", target_id=node.pk)
    assert event.actor == "node central as INTERNAL\\sa_api"


NEW = {"name": "rim1", "hostName": "rim1.example"}
# A body that is refused → what the refusal says.
BAD_CONTAINERS: dict[str, tuple[Any, str]] = {
    "no body": (None, "not an object"),
    "a list": ([], "not an object"),
    "configuration a text": ({"configuration": "x"}, "configuration is not an object"),
    "no name": ({"hostName": "rim1.example"}, "The field name is missing"),
    "no host name": ({"name": "rim1"}, "The field hostName is missing"),
    "unknown field": (NEW | {"colour": "red"}, "no field “colour”"),
    "unknown field inside": ({"configuration": NEW | {"colour": "red"}}, "no field “colour”"),
    "a number as name": (NEW | {"name": 7}, "name is not a text"),
    "a text as flag": ({"configuration": NEW | {"engineEnabled": "yes"}}, "engineEnabled is not true or false"),
    "an unknown purpose": ({"configuration": NEW | {"nodePurpose": 9}}, "nodePurpose is one of"),
    "a list as purpose": ({"configuration": NEW | {"nodePurpose": []}}, "nodePurpose is one of"),
    "a bad host name": (NEW | {"hostName": "a b"}, "space"),
    "a lone surrogate": (NEW | {"name": "\ud800"}, "printable"),
    "a name in use": (NEW | {"hostName": "central.example"}, "central"),
    "tags of another kind": (NEW | {"tags": ["x"]}, "list of objects"),
    "a port as text": (NEW | {"nodePort": "4242"}, "nodePort is not an integer"),
}


def test_a_bad_container_is_refused_and_creates_nothing(call: Any) -> None:
    for name, (body, says) in BAD_CONTAINERS.items():
        answer = call("POST", CONTAINER, body)
        assert (answer.status, says in answer.text) == (400, True), (name, answer)
    assert Node.objects.count() == 1


def _read(call: Any, node: Node) -> dict[str, Any]:
    found: dict[str, Any] = call("GET", path_of(f"servernodeconfiguration/{node.pk}")).json
    return found


def test_put_changes_name_services_and_tags_and_keeps_the_rest(call: Any) -> None:
    node = factories.registered_node(name="rim1", services=["repository", "engine"], notes="in the cellar")
    read = _read(call, node)
    wanted = read | {"name": "rim one", "engineEnabled": False, "printingEnabled": True, "tags": [{"name": "berlin"}]}
    answer = call("PUT", path_of(f"servernodeconfiguration/{node.pk}"), wanted)
    node.refresh_from_db()
    assert (answer.status, answer.json["name"], answer.json["printingEnabled"]) == (200, "rim one", True)
    assert (node.name, sorted(node.services), node.tags, node.notes) == ("rim one", ["printing", "repository"], ["berlin"], "in the cellar")
    assert answer.json["modifiedDate"] > read["modifiedDate"]
    assert answer.json["modifiedByUserName"] == "node central as INTERNAL\\sa_api"


def test_put_of_an_object_that_was_changed_meanwhile_is_refused(call: Any) -> None:
    node = factories.registered_node(name="rim1")
    read = _read(call, node)
    path = path_of(f"servernodeconfiguration/{node.pk}")
    assert call("PUT", path, read | {"name": "rim2"}).status == 200
    answer = call("PUT", path, read | {"name": "rim3"})
    assert (answer.status, "Read it again" in answer.text) == (409, True)
    assert Node.objects.get(pk=node.pk).name == "rim2"


def test_put_of_the_same_object_changes_nothing(call: Any) -> None:
    node = factories.registered_node(name="rim1", services=["engine"])
    before = Event.objects.count()
    read = _read(call, node)
    assert call("PUT", path_of(f"servernodeconfiguration/{node.pk}"), read).json == read
    assert Event.objects.count() == before


# Changes of the object as read → status, and what the refusal says.
BAD_PUTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "host name": ({"hostName": "other.example"}, 400, "A host name cannot be changed"),
    "central": ({"isCentral": True}, 400, "isCentral cannot be changed"),
    "purpose": ({"nodePurpose": 0}, 400, "nodePurpose cannot be changed"),
    "id": ({"id": "6f1d2c3b-0a1b-4c2d-8e3f-0123456789ab"}, 400, "id cannot be changed"),
    "failover": ({"failoverCandidate": True}, 400, "failoverCandidate cannot be changed"),
    "unknown": ({"colour": "red"}, 400, "no field “colour”"),
    "lock not a time": ({"modifiedDate": "yesterday"}, 400, "modifiedDate is not a time"),
    "lock no text": ({"modifiedDate": 7}, 400, "modifiedDate is not a text"),
    "lock impossible": ({"modifiedDate": "2026-13-01T00:00:00Z"}, 400, "modifiedDate is not a time"),
    "lock without a zone": ({"modifiedDate": "2026-12-01T00:00:00"}, 400, "modifiedDate is not a time"),
    "older lock": ({"modifiedDate": "2020-01-01T00:00:00.000Z"}, 409, "Read it again"),
    "name in use": ({"name": "central"}, 400, "already exists"),
    "tag of another form": ({"tags": [{"name": "A B"}]}, 400, ""),
}


def test_a_bad_put_is_refused_and_changes_nothing(call: Any) -> None:
    node = factories.registered_node(name="rim1")
    read = _read(call, node)
    for name, (change, status, says) in BAD_PUTS.items():
        answer = call("PUT", path_of(f"servernodeconfiguration/{node.pk}"), read | change)
        assert (answer.status, says in answer.text) == (status, True), (name, answer)
    assert _read(call, node) == read


def test_a_lock_in_milliseconds_and_a_later_one_are_accepted(call: Any) -> None:
    node = factories.registered_node(name="rim1")
    path = path_of(f"servernodeconfiguration/{node.pk}")
    for number, lock in enumerate((lambda read: f"{read['modifiedDate'][:-4]}Z", lambda read: "2126-12-01T00:00:00.000Z")):
        read = _read(call, node)
        assert call("PUT", path, read | {"name": f"other {number}", "modifiedDate": lock(read)}).status == 200


def test_put_without_a_lock_is_refused(call: Any) -> None:
    node = factories.registered_node(name="rim1")
    answer = call("PUT", path_of(f"servernodeconfiguration/{node.pk}"), {"name": "rim2"})
    assert (answer.status, "modifiedDate is missing" in answer.text) == (400, True)


def test_delete_decommissions_with_an_empty_204(call: Any) -> None:
    node = factories.registered_node(name="rim1")
    answer = call("DELETE", path_of(f"servernodeconfiguration/{node.pk}"))
    assert (answer.status, answer.body) == (204, b"")
    assert Node.objects.get(pk=node.pk).state == "decommissioned"
    assert call("DELETE", path_of(f"servernodeconfiguration/{node.pk}")).status == 404


def test_the_central_node_cannot_be_deleted_or_registered(call: Any) -> None:
    central = Node.objects.get(is_central=True)
    assert "cannot be decommissioned" in call("DELETE", path_of(f"servernodeconfiguration/{central.pk}")).text
    answer = call("GET", path_of(f"servernoderegistration/start/{central.pk}"))
    assert (answer.status, "Renew it instead" in answer.text) == (409, True)


STARTS = (
    "servernoderegistration/start", "certificatedistribution/distributecertificate", "certificatedistribution/redistributecertificate",
)  # fmt: skip


def test_a_registration_that_a_check_blocks_is_refused_with_the_remedy(call: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    body = {"name": "rim1", "hostName": "rim1.example", "configuration": {"address": "127.0.0.1", "distributionPort": closed}}
    node = call("POST", CONTAINER, body).json["configuration"]["id"]
    for address in STARTS:
        answer = call("GET", path_of(f"{address}/{node}"))
        assert (answer.status, "firewall" in answer.text) == (409, True), answer
    assert Node.objects.get(pk=node).state == "created"


# What a role may do → the statuses of reading, creating, changing, registering and deleting.
ROLES = {
    "RootAdmin": (200, 201, 200, 409, 204),
    "SecurityAdmin": (200, 403, 403, 403, 204),
    "DeploymentAdmin": (200, 201, 200, 409, 204),
    "AuditAdmin": (200, 403, 403, 403, 403),
    "Viewer": (200, 403, 403, 403, 403),
}


@pytest.mark.parametrize(("role", "statuses"), ROLES.items(), ids=ROLES)
def test_a_token_may_what_its_role_may(site_directory: Path, role: str, statuses: tuple[int, ...]) -> None:
    owner = factories.root_admin("ann")
    for name in ROLES:
        factories.role_give(owner, factories.Role(name))
    call = on_console(factories.token(owner, "script", role=role, at=timezone.now()))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    node = factories.registered_node(name="rim1", state="created", address="127.0.0.1", distribution_port=closed)
    one = path_of(f"servernodeconfiguration/{node.pk}")
    read = call("GET", one)
    answers = [
        read, call("POST", CONTAINER, {"name": "new", "hostName": "new.example"}), call("PUT", one, read.json | {"name": "other"}),
        call("GET", path_of(f"servernoderegistration/start/{node.pk}")), call("DELETE", one),
    ]  # fmt: skip
    assert tuple(answer.status for answer in answers) == statuses, answers
    assert all(role in answer.text for answer in answers if answer.status == 403)
    refused = Event.objects.filter(action="permission.refused", detail__permission="nodes.register_node")
    assert refused.exists() == (statuses[3] == 403)
