"""Whether a node works now: computed from the time and the node's last report, never stored."""

from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.enums import TextChoices

from certs.models import Certificate
from certs.states import CertificateStatus
from nodes.inventory.counts import node_counts
from nodes.inventory.silence import calling_nodes, nodes_in, silent_nodes
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
FEW = 500


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


def _not_working(now: datetime) -> "QuerySet[Any]":
    """With their health, the registered nodes that do not work. An index finds them: a node is registered with a certificate of each kind, and loses the last one only
    by a revocation or by its expiry."""
    own = Certificate.objects.filter(kind__in=OWN_KINDS, holder_id__isnull=False)
    lost = own.filter(status=CertificateStatus.REVOKED), own.issued().filter(not_after__lt=now)
    some = silent_nodes(now) | Q(nodes_in(*(rows.values("holder_id") for rows in lost)), state=NodeState.REGISTERED)
    return with_health(Node.objects.filter(some).order_by(), now=now).exclude(health=NodeHealth.WORKS)


def health_counts(*, now: datetime) -> dict[NodeHealth, int]:
    """The number of nodes, besides decommissioned ones, with each health."""
    found = dict(_not_working(now).values_list("health").annotate(Count("pk")))
    counts, registered = {NodeHealth(health): count for health, count in found.items()}, node_counts().registered
    silent, refused = counts.get(NodeHealth.SILENT, 0), counts.get(NodeHealth.REFUSED, 0)
    return {
        NodeHealth.WORKS: registered - silent - refused, NodeHealth.SILENT: silent, NodeHealth.REFUSED: refused,
        NodeHealth.NONE: node_counts().total - registered,
    }  # fmt: skip


def of_health(health: NodeHealth, *, now: datetime) -> Q:
    """The nodes with this health, as a condition for nodes. If the nodes that do not work are few, their ids are given, so that no further query looks for them."""
    if health == NodeHealth.NONE:
        return ~Q(state=NodeState.REGISTERED)
    found = _not_working(now)
    found = found if health == NodeHealth.WORKS else found.filter(health=health)
    few = [pk for (pk,) in found.values_list("pk")[: FEW + 1]]
    condition = Q(pk__in=few if len(few) <= FEW else found.values("pk"))
    return Q(state=NodeState.REGISTERED) & ~condition if health == NodeHealth.WORKS else condition


def health_of(node: Node, *, now: datetime) -> NodeHealth:
    """The health of one node."""
    found: Any = with_health(Node.objects.filter(pk=node.pk), now=now).get()
    return NodeHealth(found.health)
