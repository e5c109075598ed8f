"""Care of the database while the site runs."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from attention.needs import attention
from audit.actors import SYSTEM
from audit.models import Event
from certs.models import CentralKey, Certificate, DatabaseKey
from nodes.central.repair import central_repair
from nodes.central.services import central_install, central_next
from nodes.models import Node, Observation
from qmc.checks import site_can_work
from sealing.local_keys import own_store
from storage.care import older_than_store, upgrade_copies_remove
from tests import factories


def node(name: str, *, state: str = "registered", seen_at: datetime | None = None) -> Node:
    now = timezone.now()
    made = factories.node(name, at=now, state=state, registered_at=now)
    if seen_at:
        Observation.objects.create(node=made, last_seen_at=seen_at)
    return made


MADE_AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
SINCE, BEFORE = MADE_AT + timedelta(hours=1), MADE_AT - timedelta(hours=1)
# Of the other nodes; the central one has called since.
NODES: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "no other node": ([], True),
    "all have called since": ([{"seen_at": SINCE}, {"seen_at": SINCE}], True),
    "one has not called since": ([{"seen_at": SINCE}, {"seen_at": BEFORE}], False),
    "one has never called": ([{}], False),
    "one that is not registered need not call": ([{"state": "created"}, {"state": "failed", "seen_at": BEFORE}, {"state": "decommissioned"}], True),
}  # fmt: skip


@pytest.fixture
def copy(site_directory: Path) -> Path:
    """What was copied at MADE_AT."""
    made = site_directory / "before-upgrade/2026-11-29T120000Z.sqlite3"
    made.parent.mkdir()
    made.write_bytes(b"a copy")
    os.utime(made, (MADE_AT.timestamp(),) * 2)
    Observation.objects.create(node=Node.objects.get(is_central=True), last_seen_at=SINCE)
    return made


@pytest.mark.parametrize("name", NODES)
def test_copies_stay_until_every_registered_node_has_called_since(copy: Path, name: str) -> None:
    nodes, is_removed = NODES[name]
    for number, fields in enumerate(nodes):
        node(f"rim{number}", **fields)
    upgrade_copies_remove(now=timezone.now())
    assert copy.parent.exists() != is_removed
    assert Event.objects.filter(action="upgrade.copies_removed").exists() == is_removed


def test_only_our_own_copies_are_removed(copy: Path) -> None:
    (copy.parent / "db.sqlite3").write_bytes(b"what an administrator moved there")
    upgrade_copies_remove(now=timezone.now())
    assert [path.name for path in copy.parent.iterdir()] == ["db.sqlite3"]


def test_copies_stay_during_re_encryption(copy: Path) -> None:
    CentralKey.objects.update(finished_at=None)
    upgrade_copies_remove(now=timezone.now())
    assert copy.exists()


def test_a_database_older_than_the_store_is_reported_as_the_cause_of_others(site_directory: Path) -> None:
    now = timezone.now()
    assert older_than_store() is None
    central_install(central_next(reason="renewed", now=now), now=now)
    assert older_than_store() is None
    # The database of before that: it knows neither the new certificates nor the new generation.
    Certificate.objects.filter(generation=2).delete()
    Node.objects.update(generation=1, registered_at=now - timedelta(days=2))
    first, *rest = attention(now)
    assert (first.need.code, first.need.severity, first.explained_by) == ("database-older-than-store", "critical", "")
    assert "generation 2 of " in first.need.text
    assert "Restore a backup from after " in first.need.remedy
    silent = [ranked for ranked in rest if ranked.need.code in ("node-silent", "node-certificate-revoked")]
    assert silent
    assert {ranked.explained_by for ranked in silent} == {first.need.title}
    assert "repair_central" in first.need.remedy
    (found,) = site_can_work()
    assert (found.id, "an older database was restored" in found.msg, "manage.py restore" in found.hint) == ("qmc.E009", True, True)
    central_repair(actor=SYSTEM, now=now)
    assert older_than_store() is None
    assert own_store().generation > 2


def test_a_database_from_before_a_key_rotation_must_be_restored(site_directory: Path) -> None:
    now = timezone.now()
    central_install(central_next(reason="renewed", now=now), now=now)
    Certificate.objects.filter(generation=2).delete()
    DatabaseKey.objects.update(key_id="0" * 16)  # the key that wrote then has left the store since
    found = older_than_store()
    assert found
    assert "Restore a backup from after " in found[1]
    assert "repair_central" not in found[1]
