"""The needs of renewals and of the certificates of nodes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from django.db.models import F, Min, Q
from django.urls import reverse

from attention.needs import Look, Many, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from certs.certificates.attention import SHOWN_AHEAD, expired_need, expiring_need, expiring_soon, held, of_holders
from certs.models import Certificate, CertificateQuerySet
from certs.states import CertificateStatus
from nodes.inventory.conditions import condition_register, nodes_observed
from nodes.inventory.silence import calling_nodes
from nodes.models import Renewal
from nodes.states import RenewalStatus
from pki.core.lifetime import ExpiryStatus
from pki.core.roles import OWN_KINDS, Kind

OF_HOLDERS = "certificate-expired", "certificate-expiring"
of_holders(*OF_HOLDERS)
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
    yield from _certificates(look)


@condition_register("node-renewal-failed", "name", "The renewals of {count} nodes failed")
def renewal_failed(now: datetime) -> Q:
    """Nodes whose last renewal failed, except silent nodes, which have their own need."""
    last = Renewal.objects.filter(generation=F("node__generation"), status=RenewalStatus.FAILED)
    return Q(pk__in=last.values("node")) & calling_nodes(now)


def _failed(look: Look) -> Iterator[Need]:
    many, remedy = look.many("node-renewal-failed"), "Fix the cause, or renew the node yourself."
    nodes = {node.pk: node for node in look.worst("node-renewal-failed")}
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


def _expires_soon(certificate: Certificate, now: datetime) -> bool:
    """The same for one certificate of a node."""
    is_own = certificate.status == CertificateStatus.ISSUED and certificate.kind in OWN_KINDS
    return is_own and certificate.not_after < now + SHOWN_AHEAD


def _by_holder(rows: CertificateQuerySet) -> Keys:
    """The holders of these certificates, the one with the first to expire first."""
    return rows.order_by().values(key=F("holder_id")).annotate(first=Min("not_after")).order_by("first", "key")


def _many_expired() -> Many:
    return Many(
        "The certificates of {count} nodes have expired", f"{reverse('certs:list')}?status=issued&expiry=expired", "Show certificates"
    )


def _many_expiring() -> Many:
    return Many("The certificates of {count} nodes expire soon", f"{reverse('certs:list')}?expiry=90", "Show certificates")


@affected_register("certificate-expired", nodes_observed, _many_expired)
def expired(now: datetime) -> Keys:
    return _by_holder(_of_nodes(now).filter(not_after__lt=now))


@affected_register("certificate-expiring", nodes_observed, _many_expiring)
def expiring(now: datetime) -> Keys:
    return _by_holder(_of_nodes(now).filter(not_after__gte=now))


def _certificates(look: Look) -> Iterator[Need]:
    """One need for the expired certificates of each node, and one for those that expire soon."""
    for name in OF_HOLDERS:
        for key, node in look.entries(name):
            if of_holder := [certificate for certificate in look.shared(held)[key] if _expires_soon(certificate, look.now)]:
                subject = str(node) if node is not None else of_holder[0].holder or of_holder[0].subject
                found = _expired(of_holder, subject, look.now) if name == "certificate-expired" else _expiring(of_holder, subject, look.now)
                yield from (replace(need, many=look.many(name)) for need in found)


def _expired(held: list[Certificate], subject: str, now: datetime) -> Iterator[Need]:
    same = [certificate for certificate in held if certificate.not_after < now]
    calls = Kind.CLIENT not in {certificate.kind for certificate in same}
    remedy = "Renew or redistribute the node that has it."
    if not calls:
        remedy = "Redistribute the node that has it, because the node cannot call for a renewal."
    if same:
        yield expired_need(same, subject=subject, remedy=remedy, explains_own=frozenset() if calls else OF_NO_CALLS)


def _expiring(held: list[Certificate], subject: str, now: datetime) -> Iterator[Need]:
    if soon := [certificate for certificate in held if certificate.expiry_status(now) == ExpiryStatus.EXPIRING]:
        yield expiring_need(soon, subject=subject, remedy="Renew the node that has it.", now=now)
