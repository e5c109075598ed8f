"""What revoked certificates and lost machines need from a person."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from attention.needs import MOST_ALIKE, Need, Severity, needs_register
from audit.actors import SYSTEM
from nodes.models import Node
from nodes.registration.decommission import LOST
from nodes.revocation.exposure import secrets_kept
from nodes.revocation.view_models import bereft
from nodes.states import NodeState


@needs_register
def needs(now: datetime) -> Iterator[Need]:
    """Nodes without a certificate that is accepted, and secrets that a lost machine knows."""
    yield from _revoked()
    yield from _lost_machines(now)


def _revoked() -> Iterator[Need]:
    nodes = Node.objects.filter(state=NodeState.REGISTERED).select_related("observation")
    for node, kinds in bereft(nodes):
        yield Need(
            "node-certificate-revoked", Severity.CRITICAL, str(node), f"{node}: {' and '.join(kinds)} certificate revoked",
            "Nobody accepts it any more, and a renewal could not reach the node.", "Redistribute the node.",
            reverse("nodes:redistribute", args=[node.pk]), "Redistribute",
        )  # fmt: skip


def _lost_machines(now: datetime) -> Iterator[Need]:
    """Machines that were decommissioned as lost, as long as something that they knew was not replaced: the latest ones."""
    for node in Node.objects.filter(state=NodeState.DECOMMISSIONED, state_reason=LOST).order_by("-state_since")[:MOST_ALIKE]:
        known = [each.name for each in secrets_kept(node, actor=SYSTEM, now=now) if each.replaced is False]
        if known:
            yield Need(
                "secrets-known", Severity.WARNING, str(node), f"{node} was lost, and what it knew is still in use", f"Not replaced yet: {', '.join(known)}.",
                "Replace each of them: the node's page leads there.", reverse("nodes:detail", args=[node.pk]), "Show node", node.state_since, key=str(node.pk),
            )  # fmt: skip
