"""The page of the audit log: filters, parts of a long log, details in words, links to objects and back, and who reads reasons."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import listing, object_pages
from audit.actors import SYSTEM, Actor
from audit.models import Checkpoint, CheckpointKey, Event, Finding, Outcome, Segment
from audit.record import record
from audit.request import CredentialKind, credential_use, request_began
from audit.tasks import CHECK
from certs.models import TrustZone
from jobs.models import PeriodicWork
from nodes.models import Connection, Node
from people.tokens.services import token_create
from tests import factories
from tests.qmc.access import objects_make

pytestmark = pytest.mark.django_db
NOW, HOUR = datetime(2026, 11, 30, 12, tzinfo=UTC), timedelta(hours=1)
PATH = "/audit/"
ANN = Actor("user", "ann")


@pytest.fixture
def node() -> Node:
    return factories.node(at=NOW, state="created", name="rim")


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("reader"))
    return client


def shown(client: Client, path: str = PATH, **query: str) -> str:
    answer = client.get(path, query, secure=True)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def write(
    node: Node, number: int = 0, action: str = "registration.wrong_passwords", outcome: Outcome = Outcome.DONE, **detail: object
) -> Event:
    return record(actor=ANN, action=action, target=node, detail={"count": number} | detail, now=NOW + number * HOUR, outcome=outcome)


def counts(page: str) -> list[int]:
    """The numbers in the events of `write`."""
    return [int(text) for text in re.findall(r"(\d+) wrong password", page)]


FILTERS: dict[str, tuple[dict[str, str], list[int]]] = {
    "nothing": ({}, [5, 4, 3, 2, 1]),
    "who": ({"actor": "ann"}, [5, 4, 3, 2, 1]),
    "who else": ({"actor": "bob"}, []),
    "what": ({"action": "registration.wrong_passwords"}, [5, 4, 3, 2, 1]),
    "an object by its name": ({"target": "rim"}, [5, 4, 3, 2, 1]),
    "an outcome": ({"outcome": "refused"}, [3]),
    "from": ({"since": "2026-11-30T16:00"}, [5, 4]),
    "until, with the minute": ({"until": "2026-11-30T14:00"}, [2, 1]),
    "in a time zone": ({"since": "2026-11-30T17:00", "time_zone": "Europe/Berlin"}, [5, 4]),
    "in an unknown time zone": ({"since": "2026-11-30T16:00", "time_zone": "Mars/Olympus"}, [5, 4]),
    "a search": ({"search": "needle"}, [2]),
    "a request": ({"request": "request-4"}, [4]),
}


@pytest.mark.parametrize(("query", "events"), FILTERS.values(), ids=FILTERS.keys())
def test_the_address_has_each_filter(query: dict[str, str], events: list[int], reader: Client, node: Node) -> None:
    for number in range(1, 6):
        with request_began(id=f"request-{number}", address_of_client="10.1.2.3"):
            write(node, number, outcome=Outcome.REFUSED if number == 3 else Outcome.DONE, note="needle" if number == 2 else "")
    page = shown(reader, **query)
    assert counts(page) == events
    assert ("Clear the filters" in page) is bool(query)
    for name, text in query.items():
        assert f'value="{text}"' in page, name


WRONG = {
    "an action": ({"action": "no.action"}, "What:"),
    "an outcome": ({"outcome": "fine"}, "Outcome:"),
    "a time": ({"since": "yesterday"}, "From: Enter a day and a time"),
    "a year": ({"until": "9999-12-31T23:59"}, "Until: Enter a day and a time"),
    "a long text": ({"search": "x" * 101}, "Search:"),
}


@pytest.mark.parametrize(("query", "note"), WRONG.values(), ids=WRONG.keys())
def test_a_filter_that_is_not_valid_is_ignored_and_named(query: dict[str, str], note: str, reader: Client, node: Node) -> None:
    write(node, 1)
    page = shown(reader, **query)
    assert (note in page, "This filter is ignored." in page, counts(page)) == (True, True, [1])


@pytest.mark.parametrize("cursor", ["0", "-1", "x", "9" * 18, "9" * 60, "²", "%00"])
def test_an_odd_cursor_is_answered(cursor: str, reader: Client, node: Node) -> None:
    write(node)
    shown(reader, cursor=cursor)


def test_links_lead_through_the_whole_log(reader: Client, node: Node) -> None:
    for number in range(60):
        write(node, number)
    page, found = shown(reader, target=str(node.pk), page_size="25"), []
    while True:
        found += counts(page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if older is None:
            break
        page = shown(reader, PATH + older[1])
    assert found == [*range(59, -1, -1)]
    assert "Newest" in page


def test_a_search_says_how_far_it_looked_and_goes_on(reader: Client, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_EXAMINED", 10)
    write(node, 0, note="needle")
    for number in range(1, 15):
        write(node, number)
    page = shown(reader, search="needle")
    assert ("No events match yet" in page, "30 Nov 2026, 17:00" in page, counts(page)) == (True, True, [])
    older = re.search(r'rel="next" href="([^"]+)">Search older events', page)
    assert older
    assert counts(shown(reader, PATH + older[1])) == [0]


def test_a_page_counts_few_queries_and_bytes(reader: Client, node: Node) -> None:
    numbers, connections = (
        [],
        [Connection.objects.create(name=f"c{n}", type="odbc", connection_string="x", created_at=NOW, changed_at=NOW) for n in range(40)],
    )
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            page = shown(
                reader,
                actor="ann",
                search="needle",
                target=str(node.pk),
                since="2026-11-30T12:00",
                until="2027-11-30T12:00",
                outcome="done",
            )
        numbers.append(len(queries))
        for number, target in enumerate([node] * 20 + connections):
            record(
                actor=ANN,
                action="connection.created",
                target=target,
                detail={"type": "odbc", "note": "needle" * 20},
                now=NOW + number * HOUR,
            )
    assert numbers[0] <= 25
    assert numbers[1] <= 25
    page = shown(reader, page_size="50")
    assert len(page.encode()) < 100_000


def test_an_event_unfolds_into_words(reader: Client, node: Node) -> None:
    token, _ = token_create(actor=SYSTEM, owner=User.objects.get(username="reader"), name="ci", now=NOW)
    with request_began(id="0123-request", address_of_client="10.1.2.3"):
        credential_use(CredentialKind.TOKEN, token.pk)
        event = record(
            actor=Actor("token", "ci"), action="site.facts_set", target=node, now=NOW,
            detail={"from": {"host_name": "a.example", "services": ["engine"], "address": "10.0.0.1"}, "to": {"host_name": "b.example", "services": [], "address": "10.0.0.1"},
                    "reason": "the machine moved", "at": "2026-11-29T10:00:00+00:00", "forced": False},
        )  # fmt: skip
    assert reverse("audit:event", args=[event.pk]) in shown(reader)
    for answer in (
        reader.get(f"/audit/{event.pk}/", secure=True),
        reader.get(f"/audit/{event.pk}/", secure=True, headers={"HX-Request": "true"}),
    ):
        page = unescape(re.sub(r"<[^>]+>", "", answer.content.decode()))
        for text in (
            "from a.example to b.example", "from engine to none", "29 Nov 2026, 10:00:00 UTC", "10.1.2.3", "0123-request", str(event.sequence), event.digest,
            "Forced", "ci",
        ):  # fmt: skip
            assert text in page, text
        assert "10.0.0.1" not in page  # it did not change
    parts = [reader.get(f"/audit/{event.pk}/", secure=True, headers=headers).content for headers in ({}, {"HX-Request": "true"})]
    assert [b"<main" in part for part in parts] == [True, False]
    assert f'href="/tokens/{token.pk}/"' in parts[1].decode()
    assert 'href="/audit/?request=0123-request"' in parts[1].decode()


def test_a_detail_of_any_form_is_shown(reader: Client, node: Node) -> None:
    detail = {
        "nodes": [{"id": str(number), "name": f"node {number}"} for number in range(10_000)],
        "x": [[1, [2]], {}],
        "from": 1,
        "deep": {"er": {"est": None}},
    }
    event = record(
        actor=SYSTEM, action="root.recreated", target=node, detail=detail | {str(number): number for number in range(500)}, now=NOW
    )
    page = shown(reader, f"/audit/{event.pk}/")
    assert ("and 9970 more" in page, "This detail is longer." in page, "Deep: er: est" in page) == (True, True, True)
    assert len(page) < 100_000


def test_a_history_leads_back_to_its_object(reader: Client, node: Node) -> None:
    write(node)
    assert f'href="/audit/?target={node.pk}"' in shown(reader, f"/nodes/{node.pk}/")
    page = shown(reader, target=str(node.pk))
    assert ("History of rim" in page, f'href="/nodes/{node.pk}/"' in page) == (True, True)
    Connection.objects.create(pk=uuid.UUID(int=5), name="gone", type="odbc", connection_string="x", created_at=NOW, changed_at=NOW)
    record(actor=SYSTEM, action="connection.deleted", target=Connection.objects.get(), detail={"type": "odbc"}, now=NOW)
    assert f"/connections/{uuid.UUID(int=5)}/" in shown(reader)
    Connection.objects.all().delete()
    page = shown(reader)
    assert (f"/connections/{uuid.UUID(int=5)}/" in page, "gone" in page) == (False, True)
    assert "History of an unknown object" in shown(reader, target=str(uuid.UUID(int=9)))


def test_every_registered_page_exists() -> None:
    for page in object_pages._pages:
        assert reverse(page.view, args=[] if page.is_shared else [uuid.UUID(int=1)])


def person(client: Client, *permissions: str) -> Client:
    user = User.objects.create_user("some")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="audit", codename__in=permissions))
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("permissions", "status", "reads"), [((), 403, False), (("view_event",), 200, False), (("view_event", "view_reason"), 200, True)]
)
def test_reasons_need_a_permission_of_their_own(permissions: tuple[str, ...], status: int, reads: bool, client: Client, node: Node) -> None:
    event = record(
        actor=SYSTEM,
        action="node.transition",
        target=node,
        detail={"from": "issuing", "to": "failed", "reason": "no-answer-from-10.9.9.9"},
        now=NOW,
    )
    person(client, *permissions)
    for path in (PATH, f"/audit/{event.pk}/"):
        answer = client.get(path, secure=True)
        assert (answer.status_code, "no-answer" in answer.content.decode()) == (status, reads), path
    if status == 200:
        # Nor do they get a link to a page that they may not open.
        assert f'href="/nodes/{node.pk}/"' not in shown(client)
    assert ('href="/audit/"' in client.get("/account/", secure=True).content.decode()) is (status == 200)


def test_names_are_suggested(reader: Client, node: Node) -> None:
    write(node)
    record(actor=SYSTEM, action="node.created", target=factories.node(at=NOW, state="created", name="hub"), detail={}, now=NOW)
    for query, name in ({"suggest": "actor", "actor": "n"}, "ann"), ({"suggest": "target", "target": "RI"}, "rim"):
        assert re.findall(r'value="([^"]*)"', shown(reader, **query)) == [name]


def test_an_empty_log_is_said_to_be_empty(reader: Client) -> None:
    assert "Nothing has happened yet." in shown(reader)


def cards(client: Client) -> str:
    page = shown(client)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page[page.index("</h1>") : page.index('role="search"')]))


def test_the_cards_say_whether_the_log_is_evidence(reader: Client, node: Node) -> None:
    assert "not signed yet" in cards(reader)
    assert reader.get("/audit/public-key.pem", secure=True).status_code == 404
    key = CheckpointKey.objects.create(zone=uuid.uuid4(), public_key="-----BEGIN PUBLIC KEY-----", created_at=NOW)
    Checkpoint.objects.create(number=1, sequence=41, digest="x", at=NOW, line="signed")
    Checkpoint.objects.create(number=2, sequence=42, digest="x", at=NOW, line="")
    page = cards(reader)
    assert ("The log whole" in page, "signed up to event 41" in page, "accepted gap" in page) == (True, True, False)
    answer = reader.get("/audit/public-key.pem", secure=True)
    assert (answer.content, answer["Content-Type"]) == (b"-----BEGIN PUBLIC KEY-----", "application/x-pem-file")
    record(actor=SYSTEM, action="audit.gap_accepted", target=key, detail={"reason": "restored"}, now=NOW)
    assert "1 accepted gap" in cards(reader)
    Segment.objects.create(first=1, last=20, since=NOW, until=NOW, status="removed", created_at=NOW)
    assert "events up to 20 were removed from the database, and are in files" in cards(reader)
    PeriodicWork.objects.create(name=CHECK, lease_until=NOW, last_error="OSError: the disk is full")
    assert "The last checkpoint could not be signed: the disk is full" in cards(reader)
    for look in Finding.Look:
        Finding.objects.create(look=look, kind="cut", first=42, last=50, text="The log ends at event 41.", at=NOW)
    page = cards(reader)
    assert ("The log changed 1 finding" in page, "The log ends at event 41." in page, "accept_audit_gap" in page) == (True, True, True)


def exported(client: Client, query: str = "", **fields: object) -> tuple[int, list[str]]:
    answer = client.post(f"/audit/export/{query}", fields, secure=True)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer.status_code, content.decode().splitlines()


def test_what_is_filtered_is_exported(reader: Client, node: Node) -> None:
    key = CheckpointKey.objects.create(zone=uuid.uuid4(), public_key="", created_at=NOW)
    TrustZone.objects.create(pk=key.zone, name="central.example", created_at=NOW)
    for number in range(3):
        write(node, number, outcome=Outcome.REFUSED if number == 1 else Outcome.DONE)
    query = "?outcome=refused&since=2026-11-30T13:00&time_zone=UTC"
    page = shown(reader, f"/audit/export/{query}")
    assert re.findall(r"<dd >([^<]*)</dd>", page) == ["refused", "2026-11-30T13:00"]
    status, lines = exported(reader, query, format="jsonl")
    assert (status, "nothing" in lines[0], len(lines), '"outcome":"refused"' in lines[1]) == (200, True, 2, True)
    status, lines = exported(reader, query, format="csv")
    assert (status, "nothing" in lines[0], len(lines)) == (200, True, 3)
    assert Event.objects.filter(action="audit.exported").count() == 2


def test_a_range_that_is_not_signed_is_not_exported(reader: Client, node: Node) -> None:
    write(node)
    for fields, status, text in (
        ({"first": "5", "last": "4"}, 400, "The last event is before the first one."),
        ({"first": "0"}, 400, "greater than or equal to 1"),
        ({"first": str(2**70)}, 400, "less than or equal to"),
        ({}, 400, "This field is required."),
        ({"first": "1"}, 409, "a worker signs the first checkpoint within a minute"),
        ({"format": "xml"}, 200, "A range, with proof"),
    ):
        answered, lines = exported(reader, **fields)
        assert (answered, text in "".join(lines)) == (status, True), fields
    assert not Event.objects.filter(action="audit.exported").exists()


def test_an_export_needs_the_permission_to_read_reasons(client: Client, node: Node) -> None:
    write(node)
    person(client, "view_event")
    assert "/audit/export/" not in shown(client)
    assert (client.get("/audit/export/", secure=True).status_code, exported(client, first="1")[0], exported(client, format="csv")[0]) == (
        403,
        403,
        403,
    )
    assert client.get("/api/v1/audit/export/?from=1", secure=True).status_code == 403


def test_each_object_leads_to_its_history(reader: Client, site_directory: Path) -> None:
    """The pages of all objects that have one of their own, and those that several share."""
    objects = objects_make(User.objects.get(), now=NOW)
    own = [page for page in object_pages._pages if not page.is_shared]
    assert len(own) >= 11
    for page in own:
        pk = page.rows.order_by("pk").values_list("pk", flat=True)[0]
        assert f'href="/audit/?target={pk}"' in shown(reader, reverse(page.view, args=[pk])), page.view
    for path, query in {
        "/": f"target={TrustZone.objects.get().pk}", "/roots/": f"target={objects['/roots/'][0]}", "/people/roles/": "action=role.second-factor",
        "/settings/provider/": "action=provider.changed", "/settings/lifetime/": "action=lifetime.set", "/cluster/site/": "action=site.facts_set",
        "/alerts/rules/": "action=rules.changed",
    }.items():  # fmt: skip
        assert f'href="/audit/?{query}"' in shown(reader, path), path


FORGED = {
    "a list": "detail = '[1]'",
    "null": "detail = 'null'",
    "a text": "detail = '\"x\"'",
    "half a character": 'detail = \'{"count": "\\ud800"}\'',
    "a number that no JSON has": "detail = '{\"count\": 1e400}'",
    "a number that is too long": f"detail = '{5000 * '1'}'",
    "a detail that is very deep": f"detail = '{400 * '['}{400 * ']'}'",
    "an unknown outcome": "outcome = 'odd'",
    "no time": "at = 'never'",
    "a time that has no day in another time zone": "at = '9999-12-31 23:59:59'",
    "an object that is none": "target_id = 'zz'",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_an_event_that_sql_alone_changed_breaks_no_page_and_no_file(forged: str, reader: Client, node: Node) -> None:
    CheckpointKey.objects.create(zone=uuid.uuid4(), public_key="", created_at=NOW)
    event = write(node, 7)
    write(node, 8)
    with connection.cursor() as cursor:
        cursor.execute(f"update audit_event set {forged} where sequence = {event.sequence}")
    assert 8 in counts(shown(reader))
    shown(reader, f"{PATH}{event.pk}/")
    shown(reader, f"/nodes/{node.pk}/history/")
    answer = reader.get("/api/v1/audit/", secure=True)
    assert [found["sequence"] for found in answer.json()["results"]][:2] == [event.sequence + 1, event.sequence]
    for kind in ("csv", "jsonl"):
        status, lines = exported(reader, format=kind)
        assert (status, len(lines)) == (200, 5)  # CSV has names of columns, and each export is an event
