"""What will happen to a node's own certificate, by itself or by hand, in words. Pure: rows and `now` in, words out."""

from datetime import datetime

from attention.expiring import Outlook, by_hand, by_itself
from certs.lifetime.outlook import leaf_outlook
from certs.lifetime.renewal_forecast import Due, Standing
from certs.models import Certificate
from nodes.models import Node, Renewal
from nodes.observation.silence import is_silent, last_call
from nodes.states import UNDER_WAY, NodeState, RenewalStatus
from pki.core import clocks


def node_outlook(
    certificate: Certificate, node: Node, renewal: Renewal | None, due: Due | None, standing: Standing, *, now: datetime
) -> Outlook:
    """A node's own certificate; `renewal` is what made the node's newest generation, where a renewal did; `due` its next."""
    if node.state == NodeState.FAILED:
        return by_hand(f"Its registration failed, so nothing renews it: {node.state_reason} Redistribute the node.")
    if node.state in UNDER_WAY:
        return by_itself("The registration of its node is under way; renewed by itself once that is done.")
    if certificate.has_expired(now) and certificate.generation == node.generation and not standing.issuer_has_expired(now):
        return by_hand(f"It has expired, so {node} cannot call for another one. Redistribute the node.")
    if is_silent(node, now):
        text = "so nothing renews it. Start its agent, or let it reach the central node on the node port."
        return by_hand(f"{node} has not called for {clocks.length(now - last_call(node, now))}, {text}")
    if renewal is not None and renewal.status == RenewalStatus.FAILED:
        return by_hand(f"The last renewal of {node} failed: {renewal.reason} It is tried again by itself; see that it can succeed.")
    if renewal is not None and renewal.status != RenewalStatus.PROVED and certificate.generation < renewal.generation:
        return by_itself("A renewal is under way; superseded when the new certificate is proved.")
    return leaf_outlook(certificate, due, standing, who=str(node), now=now)
