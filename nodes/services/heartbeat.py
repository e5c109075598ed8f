"""What a node reports, and what it is told."""

from datetime import datetime
from typing import Any

from django.db import transaction

from audit.actors import Actor
from certs.models import Certificate
from jobs.services import job_nudge
from nodes.models import Node, Observation, Registration, Renewal
from nodes.services import registration as registrations
from nodes.services import renewal as renewals
from nodes.services.transition import node_transition, renewal_transition
from nodes.states import UNDER_WAY, NodeState, RenewalStatus

INTERVAL_S, PENDING_INTERVAL_S = 60, 5


def heartbeat(*, node: Node, certificate: Certificate, report: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Keep the observation, move what waited for this call, and answer. `certificate` is the one that the node called with."""
    _observe(node, report, now)
    renewal = Renewal.objects.filter(node=node).exclude(status__in=[RenewalStatus.PROVED, RenewalStatus.FAILED]).first()
    if certificate.generation == node.generation:
        _called_home(node, renewal, now)
    offered = renewal is not None and renewal.status == RenewalStatus.OFFERED
    return {
        "now": now.isoformat(),
        "interval_s": PENDING_INTERVAL_S if renewal is not None or node.state in UNDER_WAY else INTERVAL_S,
        "reopen": node.state == NodeState.DISTRIBUTING and certificate.generation < node.generation,
        "package": {"generation": renewal.generation} if renewal is not None and offered else None,
    }


def _observe(node: Node, report: dict[str, Any], now: datetime) -> None:
    seen = {name: report[name] for name in ("generation", "trusts", "installed", "served")}
    seen |= {"last_seen_at": now, "clock_offset_s": (report["clock"] - now).total_seconds()}
    # One statement for all but a node's first call.
    if not Observation.objects.filter(node=node).update(**seen):
        Observation.objects.update_or_create(node=node, defaults=seen)


def _called_home(node: Node, renewal: Renewal | None, now: datetime) -> None:
    """The node presented the certificate that it was sent last: it is installed."""
    actor = Actor("node", node.name)
    if node.state in (NodeState.DISTRIBUTING, NodeState.AWAITING_PASSWORD):
        with transaction.atomic():
            Registration.objects.filter(node=node, generation=node.generation).update(heard_at=now)
            node_transition(node=node, to=NodeState.VERIFYING, reason="", actor=actor, now=now)
            job_nudge(task=registrations.TASK, subject=node.pk, now=now)
    if renewal is not None and renewal.status == RenewalStatus.OFFERED and renewal.generation == node.generation:
        with transaction.atomic():
            renewal_transition(renewal=renewal, to=RenewalStatus.PROVING, reason="", actor=actor, now=now)
            job_nudge(task=renewals.TASK, subject=renewal.pk, now=now)


def package_for(*, node: Node, generation: int) -> bytes | None:
    """The renewal's package, sealed to the node's current service key; None if nothing is offered."""
    renewal = Renewal.objects.filter(node=node, generation=generation, status=RenewalStatus.OFFERED).first()
    return bytes(renewal.package) if renewal and renewal.package else None
