"""Syslog receivers: pages and API, their permission, bad input, events, a test message, and the need of one that fails."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from attention.needs import Look
from audit.models import Event, SyslogReceiver
from people.roles.groups import role_give
from people.roles.registry import Role
from pki.core.roles import Kind
from qmc.syslog.attention import needs
from sitekit.authority import Authority
from sitekit.engines import free_port
from tests import factories
from tests.receivers import LOOPBACK
from tests.syslog_receivers import TlsReceiver, tls_receiver

pytestmark = pytest.mark.django_db
PATH, PAGE = "/api/v1/syslog-receivers/", "/settings/syslog/"


@pytest.fixture
def client(site_directory: Path) -> Client:
    return factories.administrator()


@pytest.fixture
def receiver(authority: Authority, settings: Any) -> Iterator[TlsReceiver]:
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK
    with tls_receiver(authority.pair(Kind.SERVER, names=("localhost",))) as receiver:
        yield receiver


def pem(authority: Authority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


def send(client: Client, method: str, path: str = PATH, **body: Any) -> Any:
    return client.generic(method, path, json.dumps(body), content_type="application/json", secure=True)


def test_a_receiver_is_added_changed_and_deleted(client: Client) -> None:
    answer = send(client, "POST", name="archive", host="logs.site.example")
    made = answer.json()
    assert (answer.status_code, made["port"], made["enabled"], made["sequence"]) == (201, 6514, True, 0)
    assert made["waiting"] == Event.objects.count()
    own = f"{PATH}{made['id']}/"
    assert send(client, "PATCH", own, port=7514, enabled=False).json()["port"] == 7514
    assert [row["name"] for row in client.get(PATH, secure=True).json()["results"]] == ["archive"]
    assert send(client, "DELETE", own).status_code == 204
    events = Event.objects.filter(target_type="audit.syslogreceiver").order_by("sequence")
    assert [(event.action, event.target_label) for event in events] == [
        ("syslog.created", "archive"), ("syslog.changed", "archive"), ("syslog.deleted", "archive"),
    ]  # fmt: skip
    assert events[1].detail == {"port": 7514, "enabled": False, "fields": ["enabled", "port"]}


def test_a_receiver_can_begin_with_the_next_event(client: Client) -> None:
    before = Event.objects.count()
    made = send(client, "POST", name="archive", host="logs.site.example", from_first=False).json()
    assert (made["sequence"], made["waiting"]) == (before, 1)  # that it was added


def test_a_change_that_changes_nothing_is_no_event(client: Client) -> None:
    made = send(client, "POST", name="archive", host="logs.site.example").json()
    before = Event.objects.count()
    send(client, "PATCH", f"{PATH}{made['id']}/", name="archive")
    assert Event.objects.count() == before


BAD = [
    ({"name": ""}, "name"), ({"name": "x" * 101}, "name"), ({"name": "a\nb"}, "name"), ({"host": "https://logs.example"}, "host"), ({"host": "logs:6514"}, "host"),
    ({"host": "a b"}, "host"), ({"host": ""}, "host"), ({"port": 0}, "port"), ({"port": 65536}, "port"), ({"port": "6514"}, "port"), ({"ca": "x"}, "ca"),
    ({"ca": "-----BEGIN PRIVATE KEY-----"}, "ca"), ({"ca": "x" * 50_001}, "ca"), ({"enabled": "perhaps"}, "enabled"), ({"key": "x"}, "key"), ({"from_first": 7}, "from_first"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "named"), BAD)
def test_bad_input_is_refused_by_field(field: dict[str, Any], named: str, client: Client) -> None:
    answer = send(client, "POST", **{"name": "archive", "host": "logs.site.example"} | field)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [named])
    assert not SyslogReceiver.objects.exists()


def test_a_name_is_used_once(client: Client) -> None:
    for status in (201, 400):
        assert send(client, "POST", name="archive", host="logs.site.example").status_code == status


def test_a_test_message_says_whether_it_was_taken(client: Client, receiver: TlsReceiver, authority: Authority) -> None:
    made = send(client, "POST", name="archive", host="localhost", port=receiver.port).json()
    test = f"{PATH}{made['id']}/test/"
    assert "certificate of localhost" in send(client, "POST", test).json()["problem"]
    send(client, "PATCH", f"{PATH}{made['id']}/", ca=pem(authority))
    assert send(client, "POST", test).json() == {"problem": ""}
    assert [message.partition(b" - test - ")[2] for message in receiver.messages] == [b'{"test": true, "by": "ann"}']
    assert [event.outcome for event in Event.objects.filter(action="syslog.tested").order_by("sequence")] == ["failed", "done"]


def test_the_pages_add_show_test_and_delete_a_receiver(client: Client, receiver: TlsReceiver, authority: Authority) -> None:
    form = {"name": "archive", "host": "localhost", "port": receiver.port, "ca": pem(authority), "begins": "first", "enabled": "on"}
    answer = client.post(f"{PAGE}new/", form, secure=True)
    row = SyslogReceiver.objects.get()
    own = f"{PAGE}{row.pk}/"
    assert (answer.status_code, answer["Location"], row.enabled) == (302, f"{own}?saved", True)
    assert b"nothing delivered yet" in client.get(PAGE, secure=True).content
    assert b"Send a test message" in client.get(f"{own}?saved", secure=True).content
    assert b"has taken the test message" in client.post(f"{own}test/", secure=True).content
    SyslogReceiver.objects.update(port=free_port())
    assert b"has not taken the test message" in client.post(f"{own}test/", secure=True).content
    assert client.post(own, form | {"host": "a b"}, secure=True).status_code == 400
    assert client.post(own, form | {"host": "logs.site.example"}, secure=True).status_code == 302
    assert SyslogReceiver.objects.get().host == "logs.site.example"
    assert b"Delete archive?" in client.get(f"{own}remove/", secure=True).content
    assert client.post(f"{own}remove/", secure=True)["Location"] == PAGE
    assert not SyslogReceiver.objects.exists()


def test_an_audit_admin_reads_receivers_and_changes_none(site_directory: Path) -> None:
    client, user = Client(), User.objects.create_user("ada")
    role_give(user, Role.AUDIT_ADMIN)
    client.force_login(user)
    row = SyslogReceiver.objects.create(name="archive", host="logs.site.example", created_at=timezone.now(), changed_at=timezone.now())
    own = f"{PAGE}{row.pk}/"
    assert [client.get(page, secure=True).status_code for page in (PAGE, own, PATH, f"{PATH}{row.pk}/")] == [200] * 4
    form = {"name": "x", "host": "logs.site.example", "port": 1, "begins": "first"}
    assert [client.post(page, form, secure=True).status_code for page in (own, f"{own}test/", f"{own}remove/", f"{PAGE}new/")] == [403] * 4
    assert send(client, "POST", name="x", host="logs.site.example").status_code == 403
    assert b"Add receiver" not in client.get(PAGE, secure=True).content


def test_a_receiver_that_fails_for_a_while_is_a_need() -> None:
    now = timezone.now()
    row = SyslogReceiver.objects.create(
        name="archive",
        host="logs.site.example",
        created_at=now,
        changed_at=now,
        failing_since=now - timedelta(minutes=11),
        last_error="Connection refused.",
    )
    (need,) = needs(Look(now))
    assert (need.code, need.subject, need.text) == ("audit-log-not-delivered", "archive", "Connection refused.")
    assert need.url == f"{PAGE}{row.pk}/"
    for changes in ({"failing_since": now - timedelta(minutes=9)}, {"failing_since": now - timedelta(hours=1), "enabled": False}):
        SyslogReceiver.objects.update(**changes)
        assert list(needs(Look(now))) == []
