"""A form that is sent twice, or a request whose answer was lost: one registration, and the same password for both."""

import re
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.actors import Actor
from audit.models import Event
from nodes.inventory.services import node_create
from nodes.models import Node, Registration
from nodes.registration import services as registration
from nodes.registration.services import node_register, passwords_wipe

FORM = {
    "name": "rim1",
    "host_name": "rim1.example",
    "address": "127.0.0.9",
    "distribution_port": "4444",
    "node_port": "4242",
    "services": "engine",
}
PASSWORD = re.compile(r'<code id="password">([0-9A-Z-]+)</code>')
FORM_ID = re.compile(r'name="request" value="([0-9a-f-]{36})"')


@pytest.fixture
def ann(site_directory: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """An administrator of a site whose nodes pass every check: these tests are about what comes after it."""
    monkeypatch.setattr("nodes.registration.preflight._agent", lambda *_: ([], None))
    client.force_login(User.objects.create_superuser("ann"))
    return client


def opened(client: Client, path: str = "/nodes/register/") -> str:
    found = FORM_ID.search(client.get(path, secure=True).content.decode())
    assert found
    return found[1]


def sent(client: Client, path: str = "/nodes/register/", **fields: str) -> tuple[int, str]:
    """Status, and the password that the page shows."""
    answer = client.post(path, FORM | fields, secure=True)
    found = PASSWORD.search(answer.content.decode())
    return answer.status_code, found[1] if found else ""


def test_a_form_that_is_sent_twice_registers_once_and_shows_the_same_password(ann: Client) -> None:
    form = opened(ann)
    first, second = sent(ann, request=form), sent(ann, request=form)
    assert first == second
    assert first[0] == 200
    assert first[1]
    assert (Node.objects.filter(host_name="rim1.example").count(), Registration.objects.count()) == (1, 1)
    assert Event.objects.filter(action="registration.password_repeated").count() == 1
    assert not any(first[1] in str(vars(event)) for event in Event.objects.all())


OTHERS = {
    "another form": ({}, 409), "the same form for another machine": ({"host_name": "rim2.example", "name": "rim2"}, 200),
    "the same form with the letters of the name in another case": ({"host_name": "RIM1.example"}, 200), "a form without its number": ({"request": "x"}, 409),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "status"), OTHERS.values(), ids=OTHERS.keys())
def test_only_the_same_form_for_the_same_machine_is_a_repeat(ann: Client, fields: dict[str, str], status: int) -> None:
    form = opened(ann)
    _, password = sent(ann, request=form)
    answer = sent(ann, **{"request": opened(ann) if not fields else form} | fields)
    assert answer[0] == status
    assert (answer[1] == password) is (fields.get("host_name") == "RIM1.example")


def test_a_repeat_between_node_and_registration_waits_for_the_registration(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    form = opened(ann)
    asked, person = uuid.uuid5(uuid.UUID(form), "rim1.example"), User.objects.get()
    actor, now, first = Actor("user", "ann", person), timezone.now(), list[str]()
    node = node_create(actor=actor, now=now, request=asked, name="rim1", host_name="rim1.example", address="127.0.0.9")
    monkeypatch.setattr(
        registration.time, "sleep", lambda _: first.append(node_register(actor=actor, node=node, now=now, request=asked).password)
    )
    assert [sent(ann, request=form)] == [(200, password) for password in first]
    assert Registration.objects.count() == 1


def test_redistribution_sent_twice_keeps_its_first_password(ann: Client) -> None:
    sent(ann, request=opened(ann))
    node = Node.objects.get(host_name="rim1.example")
    path = f"/nodes/{node.pk}/redistribute/"
    Node.objects.filter(pk=node.pk).update(state="awaiting_password")
    form = opened(ann, path)
    first = sent(ann, path, request=form)
    Node.objects.filter(pk=node.pk).update(state="awaiting_password")  # a fast worker has sent the package meanwhile
    assert sent(ann, path, request=form) == first
    third = sent(ann, path, request=opened(ann, path))
    assert third[0] == 200
    assert third[1] != first[1]


def by_api(client: Client, node: Node, key: str = "") -> tuple[int, str]:
    headers = {"Idempotency-Key": key} if key else {}
    answer = client.post(f"/api/v1/nodes/{node.pk}/register/", content_type="application/json", headers=headers, secure=True)
    return answer.status_code, answer.json().get("password", "")


REPEATS = {
    "while the package is made": ("", "issuing"),
    "with the same key": ("a", "issuing"),
    "with the same key, later": ("a", "awaiting_password"),
}


@pytest.mark.parametrize(("key", "state"), REPEATS.values(), ids=REPEATS.keys())
def test_the_api_repeats_its_answer(ann: Client, key: str, state: str) -> None:
    sent(ann, request=opened(ann))
    node = Node.objects.get(host_name="rim1.example")
    Node.objects.filter(pk=node.pk).update(state="failed")
    first = by_api(ann, node, key)
    Node.objects.filter(pk=node.pk).update(state=state)
    assert by_api(ann, node, key) == first
    assert (first[0], Registration.objects.count()) == (202, 2)
    assert by_api(ann, node, "another") != first or state == "issuing"


def test_another_person_does_not_get_the_password(ann: Client, client: Client) -> None:
    sent(ann, request=opened(ann))
    other = Client()
    other.force_login(User.objects.create_superuser("ben"))
    assert by_api(other, Node.objects.get(host_name="rim1.example")) == (409, "")


def test_a_password_is_forgotten_ten_minutes_after_its_package_was_sealed(ann: Client) -> None:
    form, now = opened(ann), timezone.now()
    sent(ann, request=form)
    assert passwords_wipe(now=now + timedelta(days=1)) == 0  # nothing is sealed yet
    Registration.objects.update(sealed_at=now)
    assert passwords_wipe(now=now + timedelta(minutes=9)) == 0
    assert passwords_wipe(now=now + timedelta(minutes=11)) == 1
    status, password = sent(ann, request=form)
    assert (status, password) == (409, "")
    assert Registration.objects.count() == 1
