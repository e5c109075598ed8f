"""The needs of the central node's own certificates."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from nodes.central.blocked_reason import blocked_reason_of, signing_blocked_reason
from nodes.inventory.conditions import nodes_observed
from nodes.models import Node
from pki.core.commands import QMC

OF_CENTRAL = frozenset(
    {"node-silent", "no-node-calls", "certificate-expired", "renewal-overdue", "node-renewal-failed", "rotation-waits", "rotation-blocked"}
)

codes_register(
    {
        "central-without-certificates": "the central node has no valid certificates",
    }
)


@affected_register("central", nodes_observed)
def central(now: datetime) -> Keys:
    """The central node, whose store and database rows decide whether it has this need."""
    return Node.objects.present().filter(is_central=True).order_by().values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """The central node has no valid certificates, so every call between it and the nodes is refused."""
    now = look.now
    for node in look.worst("central"):
        if not (blocked_reason := blocked_reason_of(node, now=now)):
            continue
        remedy = signing_blocked_reason(now=now) or f"Run `{QMC} repair_central` on the central node. Other nodes do not change."
        yield Need(
            "central-without-certificates", Severity.CRITICAL, str(node), "The central node has no valid certificates",
            f"{blocked_reason} The nodes and the central node refuse each other's calls.", remedy, reverse("nodes:detail", args=[node.pk]),
            "Show node", explains=OF_CENTRAL,
        )  # fmt: skip
