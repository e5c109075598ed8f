"""The needs of renewals and of the certificates of nodes."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from django.db.models import F, Min, Q
from django.urls import reverse

from attention.needs import Look, Many, Need, Severity, codes_register, needs_register
from certs.certificates.attention import expired_need, expiring_need, expiring_soon
from certs.models import Certificate, CertificateQuerySet
from nodes.inventory.conditions import condition_register, many_nodes, worst_nodes
from nodes.inventory.silence import silent_nodes
from nodes.models import Node, Renewal
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
def needs(look: Look) -> Iterator[Need]:
    """Renewals that failed, and certificates of nodes that expire soon."""
    yield from _failed(look)
    yield from _expired(look)
    yield from _expiring(look)


@condition_register("node-renewal-failed")
def renewal_failed(now: datetime) -> Q:
    """Nodes whose last renewal failed, except silent nodes, which have their own need."""
    last = Renewal.objects.filter(generation=F("node__generation"), status=RenewalStatus.FAILED)
    return Q(pk__in=last.values("node"), state=NodeState.REGISTERED) & ~silent_nodes(now)


def _failed(look: Look) -> Iterator[Need]:
    many, remedy = many_nodes("node-renewal-failed", "The renewals of {count} nodes failed"), "Fix the cause, or renew the node yourself."
    nodes = {node.pk: node for node in worst_nodes(look, "node-renewal-failed", "name", many)}
    last = Renewal.objects.filter(node__in=nodes, generation=F("node__generation"), status=RenewalStatus.FAILED).defer("package")
    for renewal in last.order_by("node__name") if nodes else ():
        node = nodes[renewal.node_id]
        page = reverse("nodes:detail", args=[node.pk])
        title, again = f"{node}: renewal failed", "It is tried again every hour while the certificates are due."
        yield Need(
            "node-renewal-failed", Severity.WARNING, str(node), title, renewal.reason, f"{again} {remedy}", page, "Show node", renewal.since, many=many
        )  # fmt: skip


def _of_nodes(now: datetime) -> CertificateQuerySet:
    """The own certificates of nodes that expire soon or have expired."""
    return expiring_soon(now).filter(kind__in=OWN_KINDS)


def _expired(look: Look) -> Iterator[Need]:
    """One need for the expired certificates of each node."""
    many = Many(
        "The certificates of {count} nodes have expired", f"{reverse('certs:list')}?status=issued&expiry=expired", "Show certificates"
    )
    for subject, same in _by_holder(look, _of_nodes(look.now).filter(not_after__lt=look.now), many):
        calls = Kind.CLIENT not in {certificate.kind for certificate in same}
        remedy = "Renew or redistribute the node that has it."
        if not calls:
            remedy = "Redistribute the node that has it, because the node cannot call for a renewal."
        need = expired_need(same, subject=subject, remedy=remedy, explains_own=frozenset() if calls else OF_NO_CALLS)
        yield replace(need, many=many)


def _expiring(look: Look) -> Iterator[Need]:
    """One need for the certificates of each node that expire soon."""
    many = Many("The certificates of {count} nodes expire soon", f"{reverse('certs:list')}?expiry=90", "Show certificates")
    for subject, same in _by_holder(look, _of_nodes(look.now).filter(not_after__gte=look.now), many):
        if soon := [certificate for certificate in same if certificate.expiry_status(look.now) == ExpiryStatus.EXPIRING]:
            yield replace(expiring_need(soon, subject=subject, remedy="Renew the node that has it.", now=look.now), many=many)


def _by_holder(look: Look, rows: CertificateQuerySet, many: Many) -> Iterator[tuple[str, list[Certificate]]]:
    """The certificates of each holder with its name, the first to expire first."""
    first = rows.order_by().values("holder_id").annotate(first=Min("not_after")).order_by("first", "holder_id")
    held: dict[uuid.UUID | None, list[Certificate]] = {holder["holder_id"]: [] for holder in look.worst(first, many)}
    for certificate in rows.filter(holder_id__in=held).order_by("not_after", "pk"):
        held[certificate.holder_id].append(certificate)
    nodes = Node.objects.in_bulk([pk for pk in held if pk])
    for pk, same in held.items():
        if same:
            yield str(nodes[pk]) if pk in nodes else same[0].holder or same[0].subject, same
