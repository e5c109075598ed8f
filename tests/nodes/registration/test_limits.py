"""Every step of a registration and a renewal has a limit, and ends with its reason and remedy; the next generation is above what a node names."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from attention.needs import attention
from audit.actors import SYSTEM
from jobs.models import Job
from jobs.services import job_create
from nodes.dial.services import Answer
from nodes.models import CallerFinding, Node, Observation, Registration, Renewal
from nodes.observation.callers import generation_next
from nodes.registration import services as registration
from nodes.renewal import services as renewal
from nodes.renewal.services import AFTER_A_FAILURE, LIMITS, renewal_ensure
from nodes.states import NodeState, RenewalStatus
from tests import factories


@pytest.fixture
def node(site_directory: Path) -> Node:
    now = timezone.now()
    node = factories.registered_node(address="127.0.0.99")
    Observation.objects.create(node=node, last_seen_at=now, generation=1)
    return node


def renewed(node: Node, status: RenewalStatus, *, ago: timedelta, **fields: Any) -> Renewal:
    at = timezone.now() - ago
    made = Renewal.objects.create(
        node=node,
        generation=2,
        actor="system",
        created_at=at - timedelta(days=1),
        status=status,
        status_since=at,
        package=b"sealed",
        **fields,
    )
    Node.objects.filter(pk=node.pk).update(generation=2)
    return made


def work(task: Any, subject: Any, name: str) -> Job:
    now = timezone.now()
    job = job_create(task=name, subject=subject, title="", actor="system", now=now)
    Job.objects.filter(pk=job.pk).update(claims=1, lease_until=now + timedelta(seconds=30))
    task(job=Job.objects.get(pk=job.pk))
    return Job.objects.get(pk=job.pk)


LATE = {
    "not made": (RenewalStatus.REQUESTED, True, "", "not created within 60 minutes. Check on the overview page that the workers run"),
    "not fetched": (RenewalStatus.OFFERED, True, "", "calls, but did not fetch its new certificates within 10 minutes. See the log of its agent"),
    "did not call": (RenewalStatus.OFFERED, False, "", "did not call within 10 minutes. Start its agent"),
    "not proved": (RenewalStatus.PROVING, True, "Connection refused.", "not verified within 10 minutes. Connection refused."),
}  # fmt: skip


@pytest.mark.parametrize(("status", "online", "reason", "words"), LATE.values(), ids=LATE.keys())
def test_a_renewal_that_takes_too_long_fails_with_its_reason(
    node: Node, status: RenewalStatus, online: bool, reason: str, words: str
) -> None:
    row = renewed(node, status, ago=LIMITS[status] + timedelta(seconds=5), reason=reason)
    if not online:
        factories.called(timezone.now() - timedelta(hours=1))
    work(renewal.renewal_advance, row.pk, renewal.TASK)
    row.refresh_from_db()
    assert (row.status, row.package) == ("failed", None)
    assert words in row.reason
    assert "enew again" in row.reason


def test_a_renewal_within_its_limit_waits(node: Node) -> None:
    row = renewed(node, RenewalStatus.OFFERED, ago=LIMITS[RenewalStatus.OFFERED] - timedelta(seconds=30))
    job = work(renewal.renewal_advance, row.pk, renewal.TASK)
    row.refresh_from_db()
    assert (row.status, job.outcome) == ("offered", "")


def test_a_proof_that_cannot_be_dialled_says_that_the_node_calls_from_elsewhere(node: Node) -> None:
    Observation.objects.update(address="10.0.0.7")
    row = renewed(node, RenewalStatus.PROVING, ago=timedelta(seconds=1))
    work(renewal.renewal_advance, row.pk, renewal.TASK)
    row.refresh_from_db()
    assert row.status == "proving"
    assert "although its agent calls. It calls from 10.0.0.7, but its recorded address is 127.0.0.99" in row.reason


def test_an_offer_ends_at_once_when_two_machines_call(node: Node) -> None:
    now = timezone.now()
    row = renewed(node, RenewalStatus.OFFERED, ago=timedelta(seconds=1))
    CallerFinding.objects.create(key="k", kind="two-callers", node=node, address="", first_at=now, last_at=now)
    work(renewal.renewal_advance, row.pk, renewal.TASK)
    row.refresh_from_db()
    assert (row.status, "Resolve this on the node's page first" in row.reason) == ("failed", True)


def test_a_sleeping_node_is_one_need_and_not_two(node: Node) -> None:
    renewed(node, RenewalStatus.FAILED, ago=timedelta(hours=3), reason="The node did not call.")

    def codes() -> set[str]:
        return {ranked.need.code for ranked in attention(timezone.now()) if ranked.need.subject == "rim1"} & {
            "node-silent",
            "node-renewal-failed",
        }

    assert codes() == {"node-renewal-failed"}
    factories.called(timezone.now() - timedelta(days=2))
    assert codes() == {"node-silent"}


def test_each_failed_renewal_makes_the_next_wait_longer(node: Node) -> None:
    def failed(number: int, at: datetime) -> None:
        Renewal.objects.create(node=node, generation=number, actor="system", created_at=at, status="failed", status_since=at)

    now = timezone.now()
    failed(2, now)
    assert renewal_ensure(actor=SYSTEM, node=node, now=now + AFTER_A_FAILURE - timedelta(seconds=1)) is None
    failed(3, now)
    assert renewal_ensure(actor=SYSTEM, node=node, now=now + AFTER_A_FAILURE + timedelta(seconds=1)) is None
    for number in range(4, 20):
        failed(number, now)
    Node.objects.update(generation=20)
    node.refresh_from_db()
    assert renewal_ensure(actor=SYSTEM, node=node, now=now + timedelta(minutes=59)) is None
    assert renewal_ensure(actor=SYSTEM, node=node, now=now + timedelta(minutes=61)) is not None


def test_a_registration_whose_certificates_are_not_made_fails(node: Node) -> None:
    now = timezone.now()
    Node.objects.update(state="issuing", state_since=now - timedelta(minutes=61))
    Registration.objects.create(node=node, generation=1, actor="system", created_at=now, expires_at=now + timedelta(hours=20))
    work(registration.registration_advance, node.pk, registration.TASK)
    node.refresh_from_db()
    assert (node.state, "workers run" in node.state_reason, "Redistribute" in node.state_reason) == ("failed", True, True)


@pytest.mark.parametrize(("installed", "following"), [(5, 6), (1, 4), (3 + 1001, 4)], ids=["lost", "not newer", "more than any"])
def test_the_refusal_of_an_older_package_teaches_the_generation(
    node: Node, monkeypatch: pytest.MonkeyPatch, installed: int, following: int
) -> None:
    now = timezone.now()
    Node.objects.filter(is_central=False).update(state="distributing", state_since=now, generation=3)
    Registration.objects.create(
        node=node, generation=3, actor="system", created_at=now, expires_at=now + timedelta(hours=20), package=b"sealed"
    )
    detail = f"Generation {installed} is installed, and this package is not newer."
    body = f'{{"type": "urn:trust-zone:older-package", "detail": "{detail}"}}'.encode()
    monkeypatch.setattr(registration, "ask", lambda *_: Answer(409, body, None))
    work(registration.registration_advance, node.pk, registration.TASK)
    node.refresh_from_db()
    assert (node.state, detail in node.state_reason) == (NodeState.FAILED, True)
    assert generation_next(node) == following
