"""What a heartbeat costs, and what of its answer may be a few seconds old."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.actors import SYSTEM
from certs.models import Certificate, DatabaseKey, RevocationList, TrustZone
from certs.revocation.lists import trust_in_force
from certs.states import CertificateStatus
from nodes.models import Node, Nudge, Observation
from nodes.node_api import site
from nodes.nudges.services import site_nudge
from nodes.rotations.root import root_rotation_start
from pki.core.verify import fingerprint
from tests import factories
from tests.nodes.observation.test_callers import FIRST, Machine, client_certificate


class Settled(Machine):
    """rim1, with everything that the site has."""

    def ask(self, *args: Any, **fields: Any) -> Any:
        return super().ask(*args, **self.known | fields)

    def settle(self) -> None:
        trusted = trust_in_force()
        self.known = {"trusts": list(trusted), "revocation_lists": trusted, "installed": {}, "served": {}, "proofs": {}}
        self.call()
        proved = {key_id: timezone.now().isoformat() for key_id in DatabaseKey.objects.values_list("key_id", flat=True)}
        Observation.objects.update(proved=proved)
        self.call()


@pytest.fixture
def machine(site_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Settled:
    monkeypatch.setattr(site, "KEPT_S", 600)
    client_certificate(factories.registered_node(), FIRST, 1)
    site_nudge(now=timezone.now())
    machine = Settled("10.0.0.5")
    machine.settle()
    return machine


def statements(machine: Machine) -> list[str]:
    body = {"database_keys": list(DatabaseKey.objects.values_list("key_id", flat=True))}
    with CaptureQueriesContext(connection) as captured:
        machine.call(**body)
    return [query["sql"] for query in captured.captured_queries][1:]  # the first is the machine's own


def test_a_call_that_changes_nothing_reads_once_and_writes_a_few_columns(machine: Settled) -> None:
    found = statements(machine)
    assert [sql.split()[0] for sql in found] == ["SELECT", "UPDATE"], found
    write = found[1]
    changed = write.partition(" WHERE ")[0]
    columns = {"turn", "turn_before", "last_seen_at", "silent_at", "clock_offset_s"}
    assert {column for column in columns if f'"{column}" =' in changed} == columns
    assert changed.count(" = ") == len(columns)


def test_a_proved_key_gets_another_challenge_after_an_hour(machine: Settled) -> None:
    assert machine.call()["challenges"] == {}
    seen = Observation.objects.get(node__name="rim1")
    Observation.objects.update(proved=dict.fromkeys(seen.proved, "2026-01-01T00:00:00+00:00"))
    answer = machine.call()
    assert (answer["challenges"].keys(), answer["interval_s"]) == (seen.proved.keys(), 60)


def test_a_revocation_of_the_callers_certificate_counts_at_once(machine: Settled) -> None:
    assert machine.ask().status_code == 200
    Certificate.objects.filter(sha256=fingerprint(FIRST)).update(status=CertificateStatus.REVOKED)
    assert machine.ask().status_code == 403


def test_a_nudged_node_gets_the_list_that_it_was_nudged_for(machine: Settled) -> None:
    assert machine.call()["trust"] is False
    now, root = timezone.now(), next(iter(trust_in_force()))
    before = RevocationList.objects.signed().filter(root__sha256=root).first()
    assert before is not None
    RevocationList.objects.create(
        root=before.root, number=before.number + 1, der=before.der, this_update=now, next_update=before.next_update
    )
    assert machine.call()["trust"] is False  # it was read less than two seconds ago
    site_nudge(now=now)
    assert machine.call()["trust"] is True


def test_silence_follows_the_interval_of_the_answer(machine: Settled) -> None:
    TrustZone.objects.update(heartbeat_s=400)
    site._Kept.value = None
    answer = machine.call()
    assert answer["interval_s"] == 400
    seen = Observation.objects.get(node__name="rim1")
    assert seen.silent_at - seen.last_seen_at == timedelta(seconds=1200)


def test_only_nodes_that_cannot_be_nudged_call_often_while_a_rotation_begins(machine: Settled) -> None:
    root_rotation_start(actor=SYSTEM, now=timezone.now())
    site._Kept.value = None
    assert machine.call(listening=True)["interval_s"] == 60
    assert machine.call(listening=False)["interval_s"] == 5
    Nudge.objects.create(node=Node.objects.get(name="rim1"), reached=False)
    assert machine.call(listening=True)["interval_s"] == 5


def test_the_central_node_always_calls_often(machine: Settled) -> None:
    Node.objects.filter(name="rim1").update(is_central=True)
    assert machine.call()["interval_s"] == 5
