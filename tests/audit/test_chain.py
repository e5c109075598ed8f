"""The chain of the audit log shows every change of a row, also without a checkpoint."""

import uuid
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from audit import chain
from audit.actors import SYSTEM
from audit.checkpoints import look
from audit.checkpoints.look import log_verify
from audit.models import Event, Head, Outcome
from audit.record import record
from audit.request import CredentialKind, credential_use, request_began
from certs.models import TrustZone
from pki.evidence import findings
from pki.evidence.events import digest_of

CHANGES = {
    "edited": ("update audit_event set detail = '{\"number\": 7}' where sequence = 3", "edited 3 3"),
    "another actor": ("update audit_event set actor = 'eve' where sequence = 2", "edited 2 2"),
    "removed": ("delete from audit_event where sequence = 2", "removed 2 2"),
    "the end removed": ("delete from audit_event where sequence = 5", "cut 5 5"),
    "appended": ("insert into audit_event select hex(randomblob(16)), 6, at, actor, action, target_type, target_id, target_label, detail, digest, digest, outcome, request_id, address, credential from audit_event where sequence = 5", "inserted 6 6"),
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
    "an outcome reset": ("update audit_event set outcome = 'done' where sequence = 5", "edited 5 5"),
    "an outcome set": ("update audit_event set outcome = 'failed' where sequence = 4", "edited 4 4"),
    "an outcome of an older event": ("update audit_event set outcome = 'refused' where sequence = 2", "edited 2 2"),
    "a request reset": ("update audit_event set request_id = '' where sequence = 4", "edited 4 4"),
    "a request of an older event": ("update audit_event set request_id = '7a6f' where sequence = 1", "edited 1 1"),
    "an outcome that is the request": ("update audit_event set outcome = 'done', request_id = 'refused' where sequence = 5", "edited 5 5"),
    "an address reset": ("update audit_event set address = '' where sequence = 4", "edited 4 4"),
    "an address of an older event": ("update audit_event set address = '192.0.2.1' where sequence = 1", "edited 1 1"),
    "another address": ("update audit_event set address = '192.0.2.2' where sequence = 4", "edited 4 4"),
    "a credential reset": ("update audit_event set credential = '' where sequence = 5", "edited 5 5"),
    "another credential": ("update audit_event set credential = 'token 5e55' where sequence = 5", "edited 5 5"),
    "a credential of an event without one": ("update audit_event set credential = 'session 5e55' where sequence = 4", "edited 4 4"),
    "a time that is none": ("update audit_event set at = 'never' where sequence = 3", "edited 3 3"),
    "an object that is none": ("update audit_event set target_id = 'zz' where sequence = 3", "edited 3 3"),
    "a text that is none": ("update audit_event set actor = cast(x'ff' as text) where sequence = 3", "edited 3 3"),
    "a number that no JSON has": ("update audit_event set detail = '{\"a\": 1e400}' where sequence = 3", "edited 3 3"),
    "a number that is too long": (f"update audit_event set detail = '{5000 * '1'}' where sequence = 3", "edited 3 3"),
    "a detail that is too deep": (f"update audit_event set detail = '{2000 * '['}{2000 * ']'}' where sequence = 3", "edited 3 3"),
    "the last time is none": ("update audit_event set at = 'never' where sequence = 5", "edited 5 5"),
    "a sequence number that is none": (
        "insert into audit_event select hex(randomblob(16)), 'six', at, actor, action, target_type, target_id, target_label, detail, digest, digest, outcome, request_id, address, credential from audit_event where sequence = 5",
        "inserted 0 0",
    ),
    "no head": ("delete from audit_head", "head-differs 5 5"),
    "another head": ("update audit_head set digest = 'x'", "head-differs 5 5"),
    "a head that is ahead": ("update audit_head set sequence = sequence + 50", "head-differs 5 5"),
    "a head that is behind": ("update audit_head set sequence = 0, digest = ''", "head-differs 5 5"),
}


@pytest.mark.parametrize(("change", "found"), CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_row_is_found(change: str, found: str, zone: TrustZone) -> None:
    assert (log_verify().events, log_verify().findings) == (5, [])
    execute(change)
    assert [f"{one.kind} {one.first} {one.last}" for one in log_verify().findings] == [found]


def test_an_event_of_an_older_version_keeps_its_digest() -> None:
    """Computed by version 0.2.0."""
    event = Event(
        id=uuid.UUID(int=1), sequence=7, at=NOW, actor="ann", action="node.created", target_type="nodes.node", target_id=uuid.UUID(int=2),
        target_label="rim", detail={"name": "Zoë"}, previous="00",
    )  # fmt: skip
    assert digest_of(event) == "3b3f5c7aeea34d86fc6300e3ded58a07c528363fa49a16245fbe26655b60db30"


def test_events_that_are_written_meanwhile_are_no_damage(zone: TrustZone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "BATCH", 2)

    def write(verified: int) -> None:
        if verified < 8:
            record(actor=SYSTEM, action="test", target=zone, detail={}, now=NOW)

    monkeypatch.setattr(look, "SHOWN_EACH", 1)
    verified = log_verify(write)
    assert (verified.events >= 8, verified.findings) == (True, [])
    assert Head.objects.get().sequence >= 8


def test_an_event_follows_from_the_last_one_if_the_row_of_the_end_is_missing(zone: TrustZone) -> None:
    execute("delete from audit_head")
    record(actor=SYSTEM, action="test", target=zone, detail={}, now=NOW)
    assert (log_verify().events, log_verify().findings) == (6, [])


def test_a_part_of_the_events_is_not_named_as_their_number(zone: TrustZone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "MOST", 1)
    execute("update audit_event set actor = 'eve' where sequence = 2")
    said = StringIO()
    with pytest.raises(CommandError, match=r"Reading stopped after .*, at event 2: later events were not verified"):
        call_command("verify_audit", stdout=said)
    assert " events" not in said.getvalue()
