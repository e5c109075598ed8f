"""The values of the database, and that their cost and their number do not grow with the site."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from attention.expiring import KINDS
from audit.actors import SYSTEM
from audit.record import record
from certs.models import RevocationList
from jobs.models import Job, PeriodicWork
from jobs.registry import periodic_tasks
from nodes.models import Node, Observation, Renewal
from nodes.states import NodeState, RenewalStatus
from pki.core import lifetime
from qmc.metrics.values import GAUGES, values
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
DOCUMENT = Path(__file__).parents[3] / "docs/develop/monitoring.md"


def found(name: str, **labels: str) -> float | None:
    """The value of one gauge now; None if it has no such labels."""
    (family,) = [family for family in values(timezone.now()) if family.name == name]
    return next((float(sample.value) for sample in family.samples if sample.labels == labels), None)


def a_node(number: int, *, offset_s: float = 0.0) -> Node:
    now = timezone.now()
    node = factories.node(f"rim{number}", at=now, host_name=f"rim{number}.example", state=NodeState.REGISTERED, registered_at=now)
    Observation.objects.create(node=node, last_seen_at=now, silent_at=now + timedelta(minutes=3), clock_offset_s=offset_s)
    for kind in ("service", "client"):
        factories.certificate(kind, holder_id=node.pk, at=now, sha256=f"{number}{kind}")
    return node


def test_the_document_names_every_metric_with_its_labels() -> None:
    rows = re.findall(r"^\| `(qmc_\w+)` \| (\w+)[^|]* \| ([^|]*)\|", DOCUMENT.read_text(), re.MULTILINE)
    documented = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows if kind == "gauge"}
    of_pages = {"qmc_database_up": ()}
    assert documented == {name: labels for name, (_, labels) in GAUGES.items()} | of_pages


def test_the_earliest_expiry_and_the_counts_are_those_of_the_board(site_directory: Path) -> None:
    now = timezone.now()
    soon = factories.certificate("server", holder_id=factories.node(at=now).pk, at=now, not_after=now + 5 * DAY, sha256="a")
    a_node(2)
    every = {kind: found("qmc_expiry_earliest_timestamp_seconds", kind=kind) for kind in KINDS}
    assert every["service"]
    assert set(every) >= {"root", "service", "client", "revocation_list"}
    counts = next(family for family in values(timezone.now()) if family.name == "qmc_expiring").samples
    assert {sample.labels["bucket"] for sample in counts} <= set(lifetime.BUCKET_NAMES)
    assert all(sample.value >= 0 for sample in counts)
    assert sum(sample.value for sample in counts if sample.labels["kind"] == "service") == 2  # the central node's too
    assert soon.not_after


def test_nodes_are_counted_by_state_and_health(site_directory: Path) -> None:
    before = found("qmc_nodes", state="registered")
    silent = a_node(1)
    a_node(2, offset_s=-90.0)
    Observation.objects.filter(node=silent).update(silent_at=timezone.now() - DAY, clock_offset_s=500.0)
    assert found("qmc_nodes", state="registered") == (before or 0) + 2
    assert found("qmc_nodes", state="failed") == 0
    assert found("qmc_nodes", state="decommissioned") is None
    assert found("qmc_nodes_health", health="silent") == 1
    assert found("qmc_nodes_clock_off") == 1
    assert found("qmc_node_clock_offset_seconds", bound="lowest") == -90.0  # nodes that do not call are left out
    assert found("qmc_heartbeat_latest_timestamp_seconds")


def test_renewals_and_jobs_are_counted_by_how_they_ended(site_directory: Path) -> None:
    now, node = timezone.now(), factories.node(at=timezone.now())
    for number, (status, at) in enumerate([("failed", now), ("failed", now - 2 * DAY), ("proved", now), ("offered", now)]):
        Renewal.objects.create(node=node, generation=number, actor="ann", created_at=at, status=RenewalStatus(status))
    assert found("qmc_renewals_last_day", state="failed") == 1
    assert found("qmc_renewals_in_progress", state="offered") == 1
    assert found("qmc_job_queue_age_seconds") == 0
    job: dict[str, Any] = {"task": "t", "title": "t", "actor": "ann", "created_at": now}
    Job.objects.create(subject=node.pk, next_attempt_at=now - timedelta(minutes=7), **job)
    for outcome in ("done", "failed", "failed"):
        Job.objects.create(subject=node.pk, next_attempt_at=now, outcome=outcome, finished_at=now, **job)
    assert found("qmc_jobs", state="waiting") == 1
    assert found("qmc_jobs_last_day", outcome="failed") == 2
    assert (found("qmc_job_queue_age_seconds") or 0) >= 420


def test_leases_backups_and_lists_have_their_last_success(site_directory: Path) -> None:
    now = timezone.now()
    assert found("qmc_backup_verified_timestamp_seconds") == 0
    PeriodicWork.objects.create(name="reconcile", lease_until=now, last_success=now, last_error="it broke")
    PeriodicWork.objects.create(name="verified backup", lease_until=now, last_success=now - DAY)
    assert found("qmc_periodic_last_success_timestamp_seconds", work="reconcile") == pytest.approx(now.timestamp())
    assert found("qmc_periodic_failing", work="reconcile") == 1
    assert found("qmc_backup_verified_timestamp_seconds") == pytest.approx((now - DAY).timestamp())
    signed = RevocationList.objects.select_related("root").get()
    assert found("qmc_revocation_list_timestamp_seconds", root=signed.root.subject) == signed.this_update.timestamp()
    assert len(periodic_tasks()) <= 40


def test_open_alerts_and_the_audit_log_are_counted(site_directory: Path) -> None:
    now, before = timezone.now(), found("qmc_audit_sequence") or 0
    factories.alert(at=now, severity="critical")
    factories.alert("backup-old", at=now, state="closed", closed_at=now)
    record(actor=SYSTEM, action="node.created", target=factories.node(at=now), detail={}, now=now)
    assert found("qmc_alerts_open", code="node-silent", severity="critical") == 1
    assert found("qmc_alerts_open", code="backup-old", severity="warning") is None
    assert found("qmc_audit_sequence") == before + 1
    assert found("qmc_audit_checkpoint_sequence") == 0


def test_more_nodes_add_no_queries_and_no_labels(site_directory: Path) -> None:
    def read() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            series = sum(len(family.samples) for family in values(timezone.now()))
        return len(queries), series

    for number in range(3):
        a_node(number)
    few = read()
    for number in range(3, 40):
        a_node(number)
    assert read() == few
    assert few[0] <= 30
