"""Needs and expiry dates cost a fixed number of queries, and each need has a stable identity."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from attention.expiring import ExpiringTable, Happens, tables_of
from attention.needs import Look, attention, needs
from audit.actors import SYSTEM
from audit.record import record
from certs.models import Certificate, Rotation, TrustZone
from jobs.models import PeriodicWork
from jobs.registry import periodic_tasks
from nodes.browser_certificates.services import choice_for
from nodes.models import BrowserCertificate, CallerFinding, Node, Observation, Registration, Renewal
from nodes.registration.decommission import LOST
from nodes.renewal import expiring
from pki.foreign.browser_choice import EXPIRED
from qmc.expiry.board import Board
from qmc.expiry.everything import Everything, expiry_board
from qmc.expiry.rows import Asked, ExpiryRows
from tests import factories
from web.lists.keyset import Cursor

DAY = timedelta(days=1)


def node(name: str, state: str, now: datetime, **fields: object) -> Node:
    return Node.objects.create(
        name=name, host_name=f"{name}.example", state=state, state_since=now, created_at=now, registered_at=now - 9 * DAY, generation=1, **fields
    )  # fmt: skip


def certificate(kind: str, holder: uuid.UUID, name: str, now: datetime, *, days: float = 9, generation: int = 1) -> Certificate:
    root = Certificate.objects.filter(kind="root").first()
    return factories.certificate(
        kind,
        holder_id=holder,
        at=now,
        subject=f"CN={name}",
        holder=name,
        sha256=2 * uuid.uuid4().hex,
        issuer=root,
        not_before=now - 400 * DAY,
        not_after=now + days * DAY,
        generation=generation,
    )


def crowd(numbers: range, now: datetime) -> None:
    """One more of each thing that needs a person, or that expires, for each number."""
    user, _ = User.objects.get_or_create(username="ann")
    for number in numbers:
        browser = BrowserCertificate.objects.create(
            name=f"web{number}", source="uploaded", state="ready", sha256=2 * uuid.uuid4().hex, created_at=now, not_before=now - DAY, not_after=now + 9 * DAY
        )  # fmt: skip
        calls = node(f"calls{number}", "registered", now, browser_thumbprint=browser.sha256, browser_chosen_at=now)
        choice = choice_for(calls, browser)
        assert choice is not None
        report = {"revision": choice.revision, "problem": EXPIRED}
        served = {"service": "0" * 64, "engine": browser.sha256, "proxy": f"{number:064}"}
        hook = {"at": now.isoformat(), "exit": 3, "generation": 1}
        Observation.objects.create(
            node=calls, last_seen_at=now, clock_offset_s=600, served=served, hook=hook, browser=report, serves_another_since=now - DAY
        )
        Renewal.objects.create(node=calls, generation=1, actor="ann", created_at=now, status="failed", reason="The disk is full.")
        CallerFinding.objects.create(
            key=f"two-callers {number}", kind="two-callers", node=calls, address="10.0.0.9", first_at=now, last_at=now
        )
        CallerFinding.objects.create(key=f"unknown {number}", kind="unknown", address="10.0.0.8", first_at=now, last_at=now)
        silent = node(f"silent{number}", "registered", now)
        Observation.objects.create(node=silent, last_seen_at=now - DAY)
        for kind, days in (("client", -1), ("service", 9)):
            certificate(kind, silent.pk, silent.host_name, now, days=days)
            certificate(kind, calls.pk, calls.host_name, now)
        failed, waits = node(f"failed{number}", "failed", now), node(f"waits{number}", "awaiting_password", now)
        record(actor=SYSTEM, action="node.transition", target=failed, detail={"from": "registered", "to": "failed"}, now=now)
        Registration.objects.create(node=waits, generation=1, actor="ann", created_at=now, expires_at=now + DAY)
        node(f"new{number}", "created", now)
        lost = node(f"lost{number}", "decommissioned", now, state_reason=LOST)
        Certificate.objects.filter(pk=certificate("client", lost.pk, lost.host_name, now).pk).update(status="revoked")
        export = factories.export(f"export{number}", at=now, made_generation=1, actor="ann", made_at=now, not_after=now + 9 * DAY)
        certificate("client", export.pk, f"export export{number}", now)
        factories.token(user, f"token{number}", lasts=9 * DAY, at=now)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["", "root", "database-key"], ids=["no rotation", "root", "database key"])
def test_the_number_of_queries_does_not_grow_with_the_site(site_directory: Path, kind: str) -> None:
    now, found = timezone.now(), []
    TrustZone.objects.update(installation="upgrade", upgraded_from="June 2020", release="September 2020")
    if kind:
        root = Certificate.objects.get(kind="root")
        Rotation.objects.create(kind=kind, to_version=1, actor="ann", created_at=now, from_root=root, to_root=root)
    for numbers in (range(25), range(25, 50)):  # more than are named
        crowd(numbers, now)
        with CaptureQueriesContext(connection) as asked:
            reported, ends = needs(Look(now, 20)), board_asked(now)
        found.append(len(asked))
    assert found[0] == found[1]
    codes = {need.code for need in reported}
    assert {
        "node-silent",
        "certificate-expired",
        "browser-certificate-expiring",
        "browser-certificate-not-used",
        "node-serves-old-certificate",
    } <= codes
    assert ends.count > 200


# The goal is 25. Here, there is every kind of need, and each kind has details of its own.
MOST_QUERIES = {"/": 30, "/expiry/": 23, "/expiry/?page=2&page_size=25": 23, "/api/v1/expiry/": 20, "/api/v1/attention/": 28}


@pytest.mark.django_db
def test_pages_of_needs_and_expiry_dates_have_few_queries(site_directory: Path) -> None:
    client, now = factories.administrator(), timezone.now()
    crowd(range(50), now)
    costs = {}
    for path in MOST_QUERIES:
        client.get(path, secure=True)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path, secure=True).status_code == 200
        costs[path] = len(asked)
    assert {path: cost for path, cost in costs.items() if cost > MOST_QUERIES[path]} == {}


def board_asked(now: datetime) -> Board:
    """The board, with its first page."""
    every = Everything(SYSTEM, now, now)
    return expiry_board(every, ExpiryRows(every).part(size=50).rows)


BASES = ["", "by hand", "root", "issuing", "expired root"]


@pytest.mark.django_db
@pytest.mark.parametrize("few", [0, 500])
@pytest.mark.parametrize("basis", BASES)
def test_the_database_decides_what_requires_an_action_as_the_wording_does(
    site_directory: Path, monkeypatch: pytest.MonkeyPatch, basis: str, few: int
) -> None:
    monkeypatch.setattr(expiring, "FEW", few)
    now, root = timezone.now(), Certificate.objects.get(kind="root")
    crowd(range(2), now)
    TrustZone.objects.update(rotates_by_itself=basis != "by hand")
    if basis in ("root", "issuing"):
        at = now if basis == "issuing" else None
        Rotation.objects.create(kind="root", to_version=2, actor="ann", created_at=now, from_root=root, to_root=root, switched_at=at)
    if basis == "expired root":
        Certificate.objects.filter(pk=root.pk).update(not_after=now - DAY)
    registering, waits = node("registering", "verifying", now), node("renewed", "registered", now, browser_thumbprint="ab")
    Observation.objects.create(node=waits, last_seen_at=now)
    Renewal.objects.create(node=waits, generation=1, actor="ann", created_at=now, status="offered")
    BrowserCertificate.objects.create(
        name="spare", source="uploaded", state="ready", sha256="cd", created_at=now, not_before=now - DAY, not_after=now + 9 * DAY
    )
    certificate("client", uuid.uuid4(), "nobody's", now, days=2000)
    for held in (registering, waits):
        certificate("client", held.pk, held.host_name, now, generation=0, days=2000)
    for table in tables_of(SYSTEM):
        assert by_hand(table, now, filtered=True) == by_hand(table, now, filtered=False), type(table).__name__


def by_hand(table: ExpiringTable, now: datetime, *, filtered: bool) -> set[str | None]:
    rows = table.rows().filter(table.by_hand(now)) if filtered else table.rows()
    things = table.things(list(rows), now)
    return {thing.id for thing in things if filtered or thing.wording.happens == Happens.BY_HAND}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "asked", [Asked(), Asked(kind="client"), Asked(happens="by_itself"), Asked(bucket="expired"), Asked(search="silent")]
)
def test_the_pages_of_the_board_have_each_row_once_and_in_order(site_directory: Path, asked: Asked) -> None:
    now = timezone.now()
    crowd(range(3), now)
    rows = ExpiryRows(Everything(SYSTEM, now, now), asked)
    (whole,) = rows.batches(1000)
    assert len(whole) == rows.count() > 0
    assert [row.place for row in whole] == sorted(row.place for row in whole)
    parts = [row.place for part in rows.batches(4) for row in part]
    assert parts == [row.place for row in whole]
    numbered = [rows.numbered(size=4, number=number).rows for number in range(1, -(-len(parts) // 4) + 1)]
    assert [row.place for page in numbered for row in page] == parts
    last = rows.part(size=4, cursor=str(Cursor("not_after", True, len(whole), [])))
    assert [row.place for row in last.rows] == parts[-4:]
    while last.previous:
        before = rows.part(size=4, cursor=last.previous)
        at = parts.index(last.rows[0].place)
        assert [row.place for row in before.rows] == parts[max(0, at - 4) : max(4, at)]
        last = before


@pytest.mark.django_db
def test_each_need_has_a_stable_identity(site_directory: Path) -> None:
    now = timezone.now()
    crowd(range(3), now)
    today, tomorrow = ([need.identity for need in needs(Look(moment))] for moment in (now, now + timedelta(minutes=1)))
    assert len(set(today)) == len(today)
    assert set(today) <= set(tomorrow)


@pytest.mark.django_db
def test_a_node_whose_certificates_have_expired_is_one_need(site_directory: Path) -> None:
    now = timezone.now()
    for task in periodic_tasks():
        PeriodicWork.objects.update_or_create(name=task.name, defaults={"lease_until": now, "last_success": now})
    calls = node("calls", "registered", now)
    Observation.objects.create(node=calls, last_seen_at=now)
    gone = node("gone", "registered", now)
    Observation.objects.create(node=gone, last_seen_at=now - 2 * DAY, trusts=[Certificate.objects.get(kind="root").sha256])
    for expected_node in (gone, calls):
        for kind in ("client", "service"):
            certificate(kind, expected_node.pk, expected_node.host_name, now, days=-2 if expected_node == gone else 400)
    ranked_needs = {ranked.need.code: ranked for ranked in attention(now) if ranked.need.subject == "gone"}
    cause = ranked_needs["certificate-expired"]
    assert (cause.explained_by, cause.need.title) == ("", "gone.example: client and service certificates have expired")
    assert {code: ranked.explained_by for code, ranked in ranked_needs.items() if ranked != cause} == dict.fromkeys(
        ("node-silent", "renewal-overdue"), cause.need.title
    )
