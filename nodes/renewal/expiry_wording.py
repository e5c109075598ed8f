"""The next event of a node's own certificate, in words. Pure: it takes rows and `now`, and returns words."""

from datetime import datetime

from attention.expiring import ExpiryWording, by_hand, by_itself
from certs.lifetime.expiry_wording import leaf_expiry_wording
from certs.lifetime.renewal_forecast import Due, RenewalBasis
from certs.models import Certificate
from nodes.inventory.silence import is_silent, last_call
from nodes.models import Node, Renewal
from nodes.states import UNDER_WAY, NodeState, RenewalStatus
from pki.core import clocks


def node_expiry_wording(
    certificate: Certificate, node: Node, renewal: Renewal | None, due: Due | None, basis: RenewalBasis, *, now: datetime
) -> ExpiryWording:
    """A node's own certificate. `renewal` made the node's newest generation, unless a registration did. `due` is the next renewal."""
    if node.state == NodeState.FAILED:
        return by_hand(f"Its registration failed, so it is not renewed: {node.state_reason}")
    if node.state in UNDER_WAY:
        return by_itself("The registration of its node is in progress. Renewed automatically when that is finished.")
    if certificate.has_expired(now) and certificate.generation == node.generation and not basis.issuer_has_expired(now):
        return by_hand(f"It has expired, so {node} cannot call to get a new one. Redistribute the node.")
    if is_silent(node, now):
        text = "so the renewal waits. Start its agent. If it runs, check that it can reach the node port of the central node."
        return by_hand(f"{node} has not called for {clocks.length(now - last_call(node, now))}, {text}")
    if renewal is not None and renewal.status == RenewalStatus.FAILED:
        return by_hand(f"The last renewal of {node} failed: {renewal.reason} It is tried again automatically. Fix the cause.")
    if renewal is not None and renewal.status != RenewalStatus.PROVED and certificate.generation < renewal.generation:
        return by_itself("A renewal is in progress. This certificate is superseded when the new one is proved.")
    return leaf_expiry_wording(certificate, due, basis, who=str(node), now=now)
