"""Whether a node works now: computed from the time and the node's last report, never stored."""

from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.enums import TextChoices

from certs.models import Certificate
from nodes.inventory.silence import calling_nodes
from nodes.models import Node
from nodes.states import NodeState
from pki.core.roles import OWN_KINDS


class NodeHealth(TextChoices):
    WORKS = "works", "works"
    SILENT = "silent", "silent"
    REFUSED = "refused", "refused"  # a certificate of its own is revoked or has expired
    NONE = "none", "not in use"  # it is not registered


REASONS = {
    NodeHealth.WORKS: "It calls, and its certificates are accepted.",
    NodeHealth.SILENT: "It has not called for too long. Check that the machine and its agent run, and that it reaches port 4242 of the central node.",
    NodeHealth.REFUSED: "A certificate of its own has expired or is revoked, so other nodes refuse it.",
}


def with_health(nodes: "QuerySet[Node]", *, now: datetime) -> "QuerySet[Any]":
    """`nodes` with a column `health`."""
    own = Certificate.objects.issued().filter(holder_id=OuterRef("pk"), not_after__gte=now)
    accepted = Q(*(Exists(own.filter(kind=kind)) for kind in OWN_KINDS))
    registered = Q(state=NodeState.REGISTERED)
    health = Case(
        When(~registered, then=Value(NodeHealth.NONE.value)),
        When(~accepted, then=Value(NodeHealth.REFUSED.value)),
        When(calling_nodes(now), then=Value(NodeHealth.WORKS.value)),
        default=Value(NodeHealth.SILENT.value),
        output_field=CharField(),
    )
    return nodes.annotate(health=health)


def health_of(node: Node, *, now: datetime) -> NodeHealth:
    """The health of one node."""
    found: Any = with_health(Node.objects.filter(pk=node.pk), now=now).get()
    return NodeHealth(found.health)
