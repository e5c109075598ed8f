"""The needs of renewals and of the certificates of nodes."""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from attention.expiring import Expiring, by_hand, expiring_register
from attention.needs import Need, Severity, codes_register, needs_register
from certs.certificates.attention import expired_need, expiring_need, expiring_soon
from certs.lifetime.attention import NOT_NEEDED
from certs.lifetime.renewal_forecast import holders_due, renewal_basis
from certs.models import Certificate
from certs.zone.services import zone_current
from nodes.inventory.silence import is_silent
from nodes.models import Node, Renewal
from nodes.renewal.expiry_wording import node_expiry_wording
from nodes.states import NodeState, RenewalStatus
from pki.core.lifetime import ExpiryStatus
from pki.core.roles import OWN_KINDS, Kind

# A node whose client certificate has expired, or was revoked, cannot call: all of this follows.
OF_NO_CALLS = frozenset({"node-silent", "certificate-expiring", "renewal-overdue", "node-renewal-failed", "rotation-waits"})

codes_register(
    {
        "node-renewal-failed": "the last renewal of a node failed",
    }
)


@needs_register
def needs(now: datetime) -> Iterator[Need]:
    """Renewals that failed, and certificates of nodes that expire soon."""
    yield from _failed(now)
    held: dict[tuple[uuid.UUID | None, str], list[Certificate]] = defaultdict(list)
    for certificate in expiring_soon(now).filter(kind__in=OWN_KINDS):
        held[certificate.holder_id, certificate.holder or certificate.subject].append(certificate)
    nodes = Node.objects.in_bulk([holder for holder, _ in held if holder])
    for (holder, name), same in held.items():
        yield from _held(same, str(nodes.get(holder, name)) if holder else name, now)


def _failed(now: datetime) -> Iterator[Need]:
    """Failed renewals, except of silent nodes, which have their own need."""
    last = Renewal.objects.filter(generation=F("node__generation"), status=RenewalStatus.FAILED, node__state=NodeState.REGISTERED)
    for renewal in last.select_related("node__observation").defer("package").order_by("node__name"):
        node = renewal.node
        if not is_silent(node, now):
            remedy = "It is tried again every hour while the certificates are due. Fix the cause, or renew the node yourself."
            page = reverse("nodes:detail", args=[node.pk])
            title = f"{node}: renewal failed"
            yield Need("node-renewal-failed", Severity.WARNING, str(node), title, renewal.reason, remedy, page, "Show node", renewal.since)


def _held(same: list[Certificate], subject: str, now: datetime) -> Iterator[Need]:
    """The certificates of one node that expire soon: one need for expired ones, one for the others."""
    ended = [certificate for certificate in same if certificate.has_expired(now)]
    ending = [certificate for certificate in same if certificate.expiry_status(now) == ExpiryStatus.EXPIRING]
    if ended:
        calls = Kind.CLIENT not in {certificate.kind for certificate in ended}
        remedy = "Renew or redistribute the node that has it."
        if not calls:
            remedy = "Redistribute the node that has it, because the node cannot call for a renewal."
        yield expired_need(ended, subject=subject, remedy=remedy, explains_own=frozenset() if calls else OF_NO_CALLS)
    if ending:
        yield expiring_need(ending, subject=subject, remedy="Renew the node that has it.", now=now)


@expiring_register("certs.view_certificate")
def expiring(now: datetime) -> Iterator[Expiring]:
    """The certificates that nodes hold, each with what will happen to it."""
    basis = renewal_basis(zone_current())
    nodes = {node.pk: node for node in Node.objects.present().select_related("observation")}
    renewals = {renewal.node_id: renewal for renewal in Renewal.objects.filter(generation=F("node__generation")).defer("package")}
    issued = Certificate.objects.issued().besides_exports().filter(kind__in=OWN_KINDS).select_related("issuer").defer(*NOT_NEEDED)
    due = holders_due(issued, basis)
    for certificate in issued:
        node = nodes.get(certificate.holder_id) if certificate.holder_id else None
        wording, owner = by_hand("No node of this site holds it, so nothing renews it."), certificate.holder
        if node is not None:
            wording, owner = node_expiry_wording(certificate, node, renewals.get(node.pk), due.get(node.pk), basis, now=now), str(node)
        answers_here = node is not None and node.is_central and certificate.kind == Kind.SERVICE
        yield Expiring(
            id=str(certificate.pk), kind=certificate.kind, subject=certificate.subject, holder=certificate.holder, owner=f"{owner}, and this console" if answers_here else owner,
            not_before=certificate.not_before, not_after=certificate.not_after, wording=wording, url=reverse("certs:detail", args=[certificate.pk]),
        )  # fmt: skip
