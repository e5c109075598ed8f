"""The audit log: one writer order under many processes, and a chain that shows every change."""

import os
import sqlite3
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from attention.needs import Look
from audit import chain
from audit.actors import SYSTEM, Actor
from audit.chain import ChainBroken, verify_new
from audit.models import Event, Head, Mark, Outcome
from audit.record import record
from audit.request import CredentialKind, credential_use, request_began
from certs.models import TrustZone
from pki.evidence.events import digest_of
from qmc.audit_log.attention import needs

ROOT = Path(__file__).parent.parent.parent
WRITERS = """
import os, sys
import django; django.setup()
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from audit.actors import Actor
from audit.record import record
from certs.models import TrustZone
call_command("migrate", verbosity=0)
zone = TrustZone.objects.create(name="central.example", created_at=timezone.now())
connection.close()  # each writer opens its own
for _ in range(8):
    if not os.fork():
        break
else:
    sys.exit(any(os.wait()[1] for _ in range(8)))
for number in range(25):
    record(actor=Actor("user", "writer"), action="test", target=zone, detail={"number": number}, now=timezone.now())
"""


def verify_by_command(environment: dict[str, str]) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "manage.py", "verify_audit"], cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_eight_concurrent_writers_leave_one_whole_chain(tmp_path: Path) -> None:
    environment = os.environ | {"QMC_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "qmc.settings"}
    subprocess.run([sys.executable, "-c", WRITERS], cwd=ROOT, check=True, env=environment, timeout=60)
    assert verify_by_command(environment) == (0, "200 events, the chain is intact\n")
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        database.execute("update audit_event set actor = 'somebody else' where sequence = 100")
    database.close()
    code, text = verify_by_command(environment)
    assert (code, "event 100" in text) == (1, True)


CHANGES = {
    "edited": ("update audit_event set detail = '{\"number\": 7}' where sequence = 3", "event 3"),
    "another actor": ("update audit_event set actor = 'eve' where sequence = 2", "event 2"),
    "removed": ("delete from audit_event where sequence = 2", "event 3"),
    "the end removed": ("delete from audit_event where sequence = 5", "5 were written"),
    "two changed places": ("update audit_event set sequence = case sequence when 2 then 103 else 102 end where sequence in (2, 3)", "event 4"),
    "appended": ("insert into audit_event select hex(randomblob(16)), 6, at, actor, action, target_type, target_id, target_label, detail, digest, digest, outcome, request_id, address, credential from audit_event where sequence = 5", "event 6"),
}  # fmt: skip


NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def zone(db: None) -> TrustZone:
    """Its log has three events of a version without outcomes and requests, then two of a request."""
    zone = TrustZone.objects.create(name="central.example", created_at=NOW)
    for number in range(3):
        record(actor=SYSTEM, action="test", target=zone, detail={"number": number}, now=NOW)
    with request_began(id="7a6f", address_of_client="192.0.2.1"):
        record(actor=SYSTEM, action="test", target=zone, detail={"number": 3}, now=NOW)
        credential_use(CredentialKind.SESSION, "5e55")
        record(actor=SYSTEM, action="test", target=zone, detail={"number": 4}, now=NOW, outcome=Outcome.REFUSED)
    return zone


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


CHANGES |= {
    "an outcome reset": ("update audit_event set outcome = 'done' where sequence = 5", "event 5"),
    "an outcome set": ("update audit_event set outcome = 'failed' where sequence = 4", "event 4"),
    "an outcome of an older event": ("update audit_event set outcome = 'refused' where sequence = 2", "event 2"),
    "a request reset": ("update audit_event set request_id = '' where sequence = 4", "event 4"),
    "a request of an older event": ("update audit_event set request_id = '7a6f' where sequence = 1", "event 1"),
    "an outcome that is the request": ("update audit_event set outcome = 'done', request_id = 'refused' where sequence = 5", "event 5"),
    "an address reset": ("update audit_event set address = '' where sequence = 4", "event 4"),
    "an address of an older event": ("update audit_event set address = '192.0.2.1' where sequence = 1", "event 1"),
    "another address": ("update audit_event set address = '192.0.2.2' where sequence = 4", "event 4"),
    "a credential reset": ("update audit_event set credential = '' where sequence = 5", "event 5"),
    "another credential": ("update audit_event set credential = 'token 5e55' where sequence = 5", "event 5"),
    "a credential of an event without one": ("update audit_event set credential = 'session 5e55' where sequence = 4", "event 4"),
    "no head": ("delete from audit_head", "0 were written"),
    "another head": ("update audit_head set digest = 'x'", "event 5, the last one"),
}


@pytest.mark.parametrize(("change", "found"), CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_row_is_found(change: str, found: str, zone: TrustZone) -> None:
    assert chain.verify() == 5
    execute(change)
    with pytest.raises(ChainBroken, match=found):
        chain.verify()


def test_an_event_of_an_older_version_keeps_its_digest() -> None:
    """Computed by version 0.2.0."""
    event = Event(
        id=uuid.UUID(int=1), sequence=7, at=NOW, actor="ann", action="node.created", target_type="nodes.node", target_id=uuid.UUID(int=2),
        target_label="rim", detail={"name": "Zoë"}, previous="00",
    )  # fmt: skip
    assert digest_of(event) == "3b3f5c7aeea34d86fc6300e3ded58a07c528363fa49a16245fbe26655b60db30"


class TestMark:
    """The worker verifies what is new. Its mark saves time and proves nothing."""

    def test_events_are_verified_once(self, zone: TrustZone, monkeypatch: pytest.MonkeyPatch) -> None:
        verified: list[int] = []
        monkeypatch.setattr(chain, "digest_of", lambda event: verified.append(event.sequence) or digest_of(event))
        verify_new(now=NOW)
        record(actor=Actor("user", "ann"), action="test", target=zone, detail={}, now=NOW)
        verify_new(now=NOW)
        verify_new(now=NOW)
        assert verified == [1, 2, 3, 4, 5, 6]
        assert (Mark.objects.get().sequence, Mark.objects.get().problem) == (6, "")

    def test_a_long_log_is_verified_in_parts(self, zone: TrustZone, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chain, "BATCH", 2)
        monkeypatch.setattr(chain, "MOST_AT_ONCE", 2)
        places = []
        for _ in range(4):
            verify_new(now=NOW)
            places.append(Mark.objects.get().sequence)
        assert places == [2, 4, 5, 5]

    def test_a_problem_stays_until_the_log_is_intact(self, zone: TrustZone) -> None:
        execute("update audit_event set actor = 'eve' where sequence = 4")
        for _ in range(2):
            verify_new(now=NOW)
            assert (Mark.objects.get().sequence, "event 4" in Mark.objects.get().problem) == (0, True)
        (need,) = list(needs(Look(NOW)))
        assert (need.code, "event 4" in need.text) == ("audit-log-changed", True)
        execute("update audit_event set actor = 'system' where sequence = 4")
        verify_new(now=NOW)
        assert (Mark.objects.get().sequence, Mark.objects.get().problem, list(needs(Look(NOW)))) == (5, "", [])

    @pytest.mark.parametrize(
        "change", ["delete from audit_event where sequence >= 4", "update audit_event set digest = 'x' where sequence = 5"]
    )
    def test_a_log_that_does_not_reach_its_mark_was_changed(self, change: str, zone: TrustZone) -> None:
        verify_new(now=NOW)
        execute(change)
        verify_new(now=NOW)
        assert "event 5 or before it" in Mark.objects.get().problem

    def test_verify_audit_trusts_no_mark(self, zone: TrustZone) -> None:
        verify_new(now=NOW)
        execute("update audit_event set actor = 'eve' where sequence = 2")
        verify_new(now=NOW)
        assert Mark.objects.get().problem == ""  # the mark hides it from the worker
        with pytest.raises(ChainBroken, match="event 2"):
            chain.verify()


def test_events_that_are_written_meanwhile_are_no_damage(zone: TrustZone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "BATCH", 2)

    def write(verified: int) -> None:
        if verified < 8:
            record(actor=SYSTEM, action="test", target=zone, detail={}, now=NOW)

    assert chain.verify(write) >= 8
    assert Head.objects.get().sequence >= 8
