"""Requests can be repeated and compared safely: `Location`, `ETag` with `If-Match`, and `Idempotency-Key`."""

import json
import re
import uuid
from contextvars import Context
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM
from audit.models import Event
from nodes.inventory.change import node_change
from nodes.models import Node, Registration
from nodes.registration.services import passwords_wipe
from tests import factories
from web.models import KeyedRequest
from web.repeats import services
from web.repeats.models import KeyedState
from web.repeats.services import KEPT, requests_forget

pytestmark = pytest.mark.django_db
NODE = {"name": "rim1", "host_name": "rim1.example", "address": "127.0.0.9"}
DEPLOYMENT = {"name": "cloud", "api_address": "https://cloud.example", "audience": "cloud.example"}
CONNECTION = {"name": "Sales", "type": "odbc", "connection_string": "DSN=sales"}
RECEIVER = {"name": "archive", "host": "logs.example", "enabled": False}
CHANNEL = {"name": "Operations", "kind": "webhook", "values": {"url": "https://hooks.example/"}}


@pytest.fixture
def client(site_directory: Path) -> Client:
    return factories.administrator()


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    path = path if path.startswith("/") else f"/api/v1/{path}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.generic(method, path, content, content_type="application/json", secure=True, headers=named)


def kind(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("type", "").rpartition(":")[2]


CREATES = {
    "nodes/": NODE,
    "deployments/": DEPLOYMENT,
    "connections/": CONNECTION,
    "syslog-receivers/": RECEIVER,
    "alert-channels/": CHANNEL,
    "people/": {"username": "mia", "roles": ["Viewer"]},
    "tokens/": {"name": "nightly"},
}


@pytest.mark.parametrize("path", CREATES)
def test_what_is_created_has_its_address_and_its_version(client: Client, path: str) -> None:
    made = send(client, "POST", path, CREATES[path])
    assert (made.status_code, made["Location"]) == (201, f"/api/v1/{path}{made.json()['id']}/")
    found = send(client, "GET", made["Location"])
    assert found.status_code == 200
    assert found["ETag"].startswith('"')
    assert made.get("ETag", found["ETag"]) == found["ETag"]
    assert send(client, "GET", made["Location"])["ETag"] == found["ETag"]


# A thing, and a change of it.
CHANGES: dict[str, tuple[str, str, str, Any]] = {
    "a node": ("nodes/", "PATCH", "", {"notes": "first"}),
    "a node by an action": ("nodes/", "POST", "decommission/", {}),
    "a node that is removed": ("nodes/", "DELETE", "", None),
    "a deployment": ("deployments/", "PUT", "", DEPLOYMENT | {"audience": "new.example"}),
    "a connection": ("connections/", "PATCH", "", {"username": "reader"}),
    "a syslog receiver": ("syslog-receivers/", "PATCH", "", {"port": 6515}),
    "a channel": ("alert-channels/", "PATCH", "", {"name": "Night"}),
    "a person": ("people/", "PATCH", "", {"roles": ["Viewer", "DeploymentAdmin"]}),
    "a token": ("tokens/", "DELETE", "", None),
}


@pytest.mark.parametrize(("path", "method", "action", "body"), CHANGES.values(), ids=CHANGES.keys())
def test_a_thing_is_changed_only_in_the_version_that_was_read(client: Client, path: str, method: str, action: str, body: Any) -> None:
    factories.root_admin("zoe", password="a long password")  # the last one could not lose the role
    address = send(client, "POST", path, CREATES[path])["Location"]
    read, events = send(client, "GET", address), Event.objects.count()
    refused = send(client, method, address + action, body, If_Match='"0123"')
    assert kind(refused) == (412, "version-changed")
    assert (refused.json()["current"], refused["ETag"]) == (read.json(), read["ETag"])
    assert send(client, method, address + action, body, If_Match=f"W/{read['ETag']}").status_code == 412, "weak ETags never match"
    assert Event.objects.count() == events
    done = send(client, method, address + action, body, If_Match=f'"0123", {read["ETag"]}')
    assert done.status_code in (200, 202, 204), done.content
    if method in ("PATCH", "PUT"):
        assert done["ETag"] != read["ETag"]
        assert done["ETag"] == send(client, "GET", address)["ETag"]
        assert send(client, method, address + action, body, If_Match=read["ETag"]).status_code == 412


SETTINGS = (
    "settings/lifetime/",
    "settings/key-types/",
    "settings/alerts/",
    "settings/backups/",
    "settings/addresses/",
    "cluster/site/",
    "people/roles/",
)


@pytest.mark.parametrize("path", SETTINGS)
def test_settings_have_a_version(client: Client, path: str) -> None:
    assert send(client, "GET", path)["ETag"] == send(client, "GET", path)["ETag"]


def test_a_setting_is_changed_only_in_the_version_that_was_read(client: Client) -> None:
    read = send(client, "GET", "settings/lifetime/")
    first, second = (send(client, "PUT", "settings/lifetime/", {"months": months}, If_Match=read["ETag"]) for months in (30, 31))
    assert (first.status_code, kind(second)) == (200, (412, "version-changed"))
    assert (second.json()["current"]["requested"], second["ETag"] != read["ETag"]) == (30, True)


IF_MATCH = [("*", 200), ("0123", 400), ('"0123', 400), ("", 400), ('"0123", *', 400), ('"0123"', 412), ('W/"0123"', 412)]


@pytest.mark.parametrize(("given", "status"), IF_MATCH)
def test_every_form_of_if_match_has_its_answer(client: Client, given: str, status: int) -> None:
    address = send(client, "POST", "nodes/", NODE)["Location"]
    answer = send(client, "PATCH", address, {"notes": "x"}, If_Match=given)
    assert answer.status_code == status, answer.content
    nothing = send(client, "PATCH", f"nodes/{uuid.uuid4()}/", {"notes": "x"}, If_Match=given)
    assert nothing.status_code == (400 if status == 400 else 404)
    of_a_list = send(client, "POST", "nodes/", NODE | {"name": "rim2", "host_name": "rim2.example"}, If_Match=given)
    assert of_a_list.status_code == (201 if given == "*" else status)


def test_the_etag_of_a_compressed_answer_names_the_same_version(client: Client) -> None:
    address = send(client, "POST", "nodes/", NODE)["Location"]
    plain, compressed = send(client, "GET", address), send(client, "GET", address, Accept_Encoding="gzip")
    assert (compressed["Content-Encoding"], compressed["ETag"]) == ("gzip", plain["ETag"][:-1] + '-gzip"')
    assert send(client, "PATCH", address, {"notes": "x"}, If_Match=compressed["ETag"]).status_code == 200
    assert send(client, "PATCH", address, {"notes": "y"}, If_Match=compressed["ETag"]).status_code == 412


REQUEST_IDS = {
    "nightly-7": True,
    "a" * 128: True,
    "550e8400-e29b-41d4-a716-446655440000": True,
    "": False,
    "a b": False,
    "a" * 129: False,
    "ü": False,
    "a\n": False,
}


@pytest.mark.parametrize(("given", "is_valid"), REQUEST_IDS.items())
def test_a_valid_id_of_a_request_comes_back_and_is_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture, given: str, is_valid: bool
) -> None:
    caplog.set_level("INFO")
    answer = send(client, "POST", "nodes/", NODE, X_Request_Id=given)
    assert (answer["X-Request-Id"] == given, f"the id {given} of its client" in caplog.text) == (is_valid, is_valid)
    event = Event.objects.get(action="node.created")
    assert (event.request_id == answer["X-Request-Id"]) != is_valid, "an event never has the id that a client chose"
    assert not is_valid or event.request_id in caplog.text


def test_what_is_only_observed_changes_no_version(client: Client) -> None:
    node = factories.registered_node()
    before = send(client, "GET", f"nodes/{node.pk}/")
    factories.called(timezone.now(), node=node)
    Node.objects.filter(pk=node.pk).update(state_reason="The node does not answer yet.")
    assert send(client, "GET", f"nodes/{node.pk}/")["ETag"] == before["ETag"]


def test_a_change_between_the_check_and_the_change_is_found(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another request changes the node after its version was compared, and before this change is committed."""
    made = send(client, "POST", "nodes/", NODE)
    node = Node.objects.get(pk=made.json()["id"])

    def another() -> None:
        node_change(actor=SYSTEM, node=Node.objects.get(pk=node.pk), now=timezone.now(), notes="of another person")

    def late(**options: Any) -> Node:
        Context().run(another)
        with transaction.atomic():
            return node_change(**options)

    monkeypatch.setattr("nodes.inventory.api.node_change", late)
    answer = send(client, "PATCH", made["Location"], {"notes": "mine"}, If_Match=made["ETag"])
    assert kind(answer) == (412, "version-changed")
    assert answer.json()["current"]["notes"] == Node.objects.get(pk=node.pk).notes == "of another person"


@pytest.mark.parametrize("path", ["nodes/", "deployments/", "connections/", "syslog-receivers/"])
def test_a_repeated_request_gets_the_same_answer_and_does_nothing(client: Client, path: str) -> None:
    first = send(client, "POST", path, CREATES[path], Idempotency_Key="a")
    events = Event.objects.count()
    second = send(client, "POST", path, CREATES[path], Idempotency_Key="a")
    assert (second.status_code, second.json(), second["Location"], second["ETag"]) == (201, first.json(), first["Location"], first["ETag"])
    assert (second["Idempotency-Replayed"], first.get("Idempotency-Replayed")) == ("true", None)
    assert Event.objects.count() == events


def test_a_key_belongs_to_one_request_of_one_account(client: Client) -> None:
    made = send(client, "POST", "nodes/", NODE, Idempotency_Key="a")
    for path, body in (("nodes/", NODE | {"notes": "x"}), ("nodes/preflight/", NODE), (f"nodes/{made.json()['id']}/renew/", None)):
        assert kind(send(client, "POST", path, body, Idempotency_Key="a")) == (422, "key-reused")
    same = {name: NODE[name] for name in reversed(NODE)}
    assert send(client, "POST", "nodes/", same, Idempotency_Key="a").status_code == 201, "the order of members is no difference"
    token = factories.token(factories.root_admin("bob"), "nightly", at=timezone.now())
    other = send(Client(), "POST", "nodes/", NODE, Idempotency_Key="a", Authorization=f"Bearer {token}")
    assert other.status_code == 400, "the name is in use: this was done, not repeated"


def test_a_removal_can_be_repeated(client: Client) -> None:
    address = send(client, "POST", "deployments/", DEPLOYMENT)["Location"]
    etag = send(client, "GET", address)["ETag"]
    answers = [send(client, "DELETE", address, Idempotency_Key="a", If_Match=etag) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert send(client, "DELETE", address).status_code == 404


@pytest.mark.parametrize("key", ["", " ", "ü", "a\tb", "x" * 256])
def test_a_key_without_the_right_form_is_refused(client: Client, key: str) -> None:
    answer = send(client, "POST", "nodes/", NODE, Idempotency_Key=key)
    assert (kind(answer), answer.json()["errors"][0]["field"]) == ((400, "invalid"), "Idempotency-Key")
    assert not Node.objects.filter(name="rim1").exists()


def test_a_refused_request_leaves_its_key_free(client: Client) -> None:
    assert send(client, "POST", "nodes/", NODE | {"host_name": "not a name"}, Idempotency_Key="a").status_code == 400
    assert not KeyedRequest.objects.exists()
    assert send(client, "POST", "nodes/", NODE, Idempotency_Key="a").status_code == 201


SECRET = {
    "a token": ("tokens/", {"name": "nightly"}, "token"),
    "a person": ("people/", {"username": "mia", "roles": ["Viewer"]}, "link"),
    "a channel": ("alert-channels/", CHANNEL, "generated_secrets"),
}


@pytest.mark.parametrize(("path", "body", "member"), SECRET.values(), ids=SECRET.keys())
def test_a_secret_is_not_kept_and_its_repeat_names_the_thing(client: Client, path: str, body: Any, member: str) -> None:
    first = send(client, "POST", path, body, Idempotency_Key="a")
    secret = first.json()[member]
    for text in secret.values() if isinstance(secret, dict) else [secret]:
        assert text
        assert text not in json.dumps([*KeyedRequest.objects.values()], default=str)
    second = send(client, "POST", path, body, Idempotency_Key="a")
    assert kind(second) == (409, "secret-shown-once")
    assert second.json()["object"] == first["Location"]
    assert first["Location"] in second.json()["detail"]


def test_a_registration_repeats_its_password_only_while_it_is_stored(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes.registration.preflight._agent", lambda *_: ([], None))
    address = send(client, "POST", "nodes/", NODE)["Location"]
    first = send(client, "POST", f"{address}register/", Idempotency_Key="a")
    assert first.status_code == 202
    assert first.json()["password"] not in str([*KeyedRequest.objects.values()])
    second = send(client, "POST", f"{address}register/", Idempotency_Key="a")
    assert (second.json()["password"], second["Idempotency-Replayed"]) == (first.json()["password"], "true")
    Registration.objects.update(sealed_at=timezone.now())
    passwords_wipe(now=timezone.now() + timedelta(minutes=11))
    third = send(client, "POST", f"{address}register/", Idempotency_Key="a")
    assert (kind(third), third.json()["object"]) == ((409, "secret-shown-once"), address)
    assert Registration.objects.count() == 1


def test_long_work_names_its_job(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes.registration.preflight._agent", lambda *_: ([], None))
    address = send(client, "POST", "nodes/", NODE)["Location"]
    begun = {
        "a registration": send(client, "POST", f"{address}register/"),
        "exports": send(client, "POST", "exports/", {"format": "pem", "machine_names": ["a.example", "b.example"]}),
        "bulk work": send(client, "POST", "bulk/", {"action": "nodes.tag", "ids": [address.split("/")[-2]], "parameters": {"add": "x"}}),
    }
    for what, answer in begun.items():
        links = re.findall(r'<(/api/v1/jobs/[0-9a-f-]{36}/)>; rel="monitor"', answer["Link"])
        assert (answer.status_code, len(links)) == (202, 2 if what == "exports" else 1), what
        assert all(send(client, "GET", link).json()["state"] == "waiting" for link in links), what


def test_lists_have_an_ordering(client: Client) -> None:
    send(client, "POST", "nodes/", NODE)
    up, down, older = (
        [row["name"] for row in send(client, "GET", f"nodes/?{query}").json()["results"]]
        for query in ("ordering=name", "ordering=-name", "sort=-name")
    )
    assert (up, down, older) == (["central", "rim1"], ["rim1", "central"], ["rim1", "central"])
    first = send(client, "GET", "nodes/?ordering=-name&page_size=1").json()
    assert [row["name"] for row in send(client, "GET", first["next"].partition("testserver")[2]).json()["results"]] == ["central"]
    assert send(client, "GET", "nodes/?ordering=name&sort=name").status_code == 400


def test_the_day_of_a_key_ends(client: Client) -> None:
    made = send(client, "POST", "deployments/", DEPLOYMENT, Idempotency_Key="a")
    KeyedRequest.objects.update(begun_at=timezone.now() - KEPT - timedelta(seconds=1))
    again = send(client, "POST", "deployments/", DEPLOYMENT | {"name": "other"}, Idempotency_Key="a")
    assert (again.status_code, again.json()["id"] != made.json()["id"]) == (201, True)
    assert requests_forget(now=timezone.now() + KEPT - timedelta(minutes=1)) == 0
    assert requests_forget(now=timezone.now() + KEPT + timedelta(minutes=1)) == 1


class Killed(BaseException):
    """The process ends here."""


def killed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The process ends when it calls this function of `web.once`, and leaves the row as it is then."""

    def end(*_: Any, **__: Any) -> None:
        raise Killed

    monkeypatch.setattr(f"web.once.{name}", end)


def begun(client: Client, **values: Any) -> KeyedRequest:
    """The row that a process leaves which ends in the middle of a request."""
    send(client, "POST", "deployments/", DEPLOYMENT, Idempotency_Key="a")
    KeyedRequest.objects.update(status=None, content="", headers={}, place="", **values)
    return KeyedRequest.objects.get()


def test_a_process_that_ends_after_the_change_leaves_what_it_changed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        killed(context, "answer_keep")
        with pytest.raises(Killed):
            send(client, "POST", "deployments/", DEPLOYMENT, Idempotency_Key="a")
    row = KeyedRequest.objects.get()
    assert (row.state, "cloud" in row.changed) == (KeyedState.CHANGED, True)
    assert kind(send(client, "POST", "deployments/", DEPLOYMENT, Idempotency_Key="a")) == (409, "request-in-progress")
    KeyedRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    for _ in range(2):
        answer = send(client, "POST", "deployments/", DEPLOYMENT, Idempotency_Key="a")
        assert kind(answer) == (409, "answer-lost")
        assert "cloud" in answer.json()["detail"]


def test_a_process_that_ends_before_the_change_leaves_the_request_to_do(client: Client) -> None:
    now = timezone.now()
    row = begun(client, state=KeyedState.BEGUN, lease_until=now + timedelta(seconds=30))
    waits = send(client, "POST", "deployments/", DEPLOYMENT, Idempotency_Key="a")
    assert (kind(waits), waits["Retry-After"]) == ((409, "request-in-progress"), "1")
    KeyedRequest.objects.update(lease_until=now - timedelta(seconds=1))
    assert kind(send(client, "POST", "deployments/", DEPLOYMENT, Idempotency_Key="a")) == (400, "invalid"), (
        "it was done again: the name is in use"
    )
    assert not KeyedRequest.objects.filter(pk=row.pk).exists()


def test_a_process_that_is_late_changes_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lease has expired, and another process has taken over, before it changes anything."""
    real = services.changes_noted

    def overtaken(row: KeyedRequest) -> Any:
        KeyedRequest.objects.filter(pk=row.pk).update(claim=row.claim + 1)
        return real(row)

    monkeypatch.setattr("web.once.changes_noted", overtaken)
    assert kind(send(client, "POST", "deployments/", DEPLOYMENT, Idempotency_Key="a")) == (409, "request-in-progress")
    assert send(client, "GET", "deployments/").json()["results"] == []
    assert KeyedRequest.objects.get().state == KeyedState.BEGUN
