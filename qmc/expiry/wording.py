"""What will happen to each thing that expires, by itself or by hand, in the words of the board. Pure: rows and `now` in, words out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from certs.lifetime.renewal_forecast import Due, Standing
from certs.models import Certificate, RevocationList
from certs.revocation.lists import ANEW
from nodes.models import SILENT_AFTER, Node, Renewal
from nodes.states import UNDER_WAY, NodeState, RenewalStatus
from pki.core import lifetime
from web.templatetags.console import spoken


class Happens(StrEnum):
    BY_ITSELF = "by_itself"
    BY_HAND = "by_hand"


@dataclass(frozen=True)
class Outlook:
    """`due_at` only where something happens by itself at a known moment."""

    happens: Happens
    text: str
    due_at: datetime | None = None


def by_itself(text: str, due_at: datetime | None = None) -> Outlook:
    return Outlook(Happens.BY_ITSELF, text, due_at)


def by_hand(text: str) -> Outlook:
    return Outlook(Happens.BY_HAND, text)


def _has_expired(certificate: Certificate | None, now: datetime) -> bool:
    return certificate is not None and certificate.expiry_status(now) == lifetime.ExpiryStatus.EXPIRED


def root_outlook(root: Certificate, standing: Standing, *, now: datetime) -> Outlook:
    """The root's own end."""
    if _has_expired(root, now):
        return by_hand("It has expired, so nothing that it issued is accepted. Recreate the root: every node then gets a new password.")
    if root.pk == standing.leaving_id:
        return by_itself("A rotation to another root is under way; this one is dropped when every node presents the other's certificates.")
    due = lifetime.root_due_at(root.not_before, root.not_after)
    if standing.rotates_by_itself:
        return by_itself("Replaced by itself at half its life, while everything runs.", due)
    return by_hand(
        f"The setting says by hand. Rotate the root by {due:%Y-%m-%d}, half its life: the later, the shorter lives whatever it signs."
    )


def leaf_outlook(certificate: Certificate, due: Due | None, standing: Standing, *, who: str, now: datetime) -> Outlook:
    """A leaf that nothing keeps from being renewed when it is due; `who` must call for it."""
    if _has_expired(standing.issuing, now):
        return by_hand("Its root has expired, so nothing can renew it. Recreate the root.")
    if certificate.issuer_id is not None and certificate.issuer_id == standing.leaving_id:
        return by_itself("Replaced in the rotation of the root that is under way.")
    if due is None:
        return by_hand(
            "Its root ends too soon for a renewal to gain anything, and the setting says that roots are replaced by hand. Rotate the root."
        )
    if due.with_root:
        return by_itself(
            "Its root’s end cuts it; replaced with the next root." if _cut(certificate) else "Replaced with the next root.", due.at
        )
    return by_itself(f"Renewed by itself when {who} calls." if who else "Renewed by itself.", due.at)


def _cut(certificate: Certificate) -> bool:
    return certificate.issuer is not None and certificate.not_after == certificate.issuer.not_after


def silent_for(node: Node, now: datetime) -> timedelta | None:
    """How long a registered node has not called, where that is too long."""
    seen = node.observed
    since = seen.last_seen_at if seen else node.registered_at
    return now - since if since and now - since >= SILENT_AFTER else None


def node_outlook(
    certificate: Certificate, node: Node, renewal: Renewal | None, due: Due | None, standing: Standing, *, now: datetime
) -> Outlook:
    """A node's own certificate; `renewal` is what made the node's newest generation, where a renewal did; `due` its next."""
    if node.state == NodeState.FAILED:
        return by_hand(f"Its registration failed, so nothing renews it: {node.state_reason} Redistribute the node.")
    if node.state in UNDER_WAY:
        return by_itself("The registration of its node is under way; renewed by itself once that is done.")
    if _has_expired(certificate, now) and certificate.generation == node.generation and not _has_expired(standing.issuing, now):
        return by_hand(f"It has expired, so {node} cannot call for another one. Redistribute the node.")
    if silence := silent_for(node, now):
        text = "so nothing renews it. Start its agent, or let it reach the central node on the node port."
        return by_hand(f"{node} has not called for {spoken(silence.total_seconds())}, {text}")
    if renewal is not None and renewal.status == RenewalStatus.FAILED:
        return by_hand(f"The last renewal of {node} failed: {renewal.reason} It is tried again by itself; see that it can succeed.")
    if renewal is not None and renewal.status != RenewalStatus.PROVED and certificate.generation < renewal.generation:
        return by_itself("A renewal is under way; superseded when the new certificate is proved.")
    return leaf_outlook(certificate, due, standing, who=str(node), now=now)


def list_outlook(newest: RevocationList, nodes: list[Node], *, now: datetime) -> Outlook:
    """A root's revocation list, and which nodes honour an older one."""
    age, root = now - newest.this_update, newest.root.sha256
    if age >= 2 * ANEW:
        return by_hand(
            f"It is signed anew each day, but the last one is {spoken(age.total_seconds())} old. See that a worker runs, and read its log."
        )
    older = [str(node) for node in nodes if node.observed and node.observed.revocation_lists.get(root, 0) < newest.number]
    text = f" {len(older)} node{'s' * (len(older) > 1)} honour{'s' * (len(older) == 1)} an older one: {', '.join(older[:3])}{'…' * (len(older) > 3)}."
    return by_itself("Signed anew each day." + text * bool(older), newest.this_update + ANEW)
