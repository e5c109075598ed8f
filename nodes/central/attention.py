"""The needs of the central node's own certificates."""

from collections.abc import Iterator

from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register, needs_register
from nodes.central.blocked_reason import central_blocked_reason, signing_blocked_reason
from nodes.inventory.counts import central_node
from nodes.states import NodeState
from pki.core.commands import QMC

OF_CENTRAL = frozenset(
    {"node-silent", "no-node-calls", "certificate-expired", "renewal-overdue", "node-renewal-failed", "rotation-waits", "rotation-blocked"}
)

codes_register(
    {
        "central-without-certificates": "the central node has no valid certificates",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """The central node has no valid certificates, so every call between it and the nodes is refused."""
    now = look.now
    central = central_node()
    if central is not None and central.state != NodeState.DECOMMISSIONED and (blocked_reason := central_blocked_reason(now=now)):
        remedy = signing_blocked_reason(now=now) or f"Run `{QMC} repair_central` on the central node. Other nodes do not change."
        yield Need(
            "central-without-certificates", Severity.CRITICAL, str(central), "The central node has no valid certificates",
            f"{blocked_reason} The nodes and the central node refuse each other's calls.", remedy, reverse("nodes:detail", args=[central.pk]),
            "Show node", explains=OF_CENTRAL,
        )  # fmt: skip
