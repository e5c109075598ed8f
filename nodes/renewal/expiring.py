"""The certificates of nodes, for the expiry board and alerts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from attention.expiring import Expiring, ExpiringTable, Forecast, by_itself, table_register
from attention.once import once
from certs.certificates.models import CertificateQuerySet
from certs.lifetime.renewal_forecast import RenewalBasis, holders_due, renewal_basis, renewed_by
from certs.models import Certificate
from certs.zone.services import zone_current
from nodes.inventory.silence import silent_nodes
from nodes.models import Node, Renewal
from nodes.renewal.expiry_wording import node_expiry_wording
from nodes.renewal.models import RenewalQuerySet
from nodes.states import UNDER_WAY, NodeState, RenewalStatus
from pki.core import lifetime
from pki.core.roles import OWN_KINDS, Kind

FEW = 500
READ = ("kind", "subject", "holder", "holder_id", "generation", "serial", "not_before", "not_after", "issuer__not_after")
READ_OF_NODE = (
    "name", "state", "state_reason", "generation", "is_central", "registered_at", "observation__last_seen_at", "observation__silent_at",
)  # fmt: skip


@table_register
class NodeCertificates(ExpiringTable):
    """The certificates that nodes hold, each with what will happen to it."""

    permission = "certs.view_certificate"
    searched = ("subject", "holder", "kind")

    def rows(self) -> CertificateQuerySet:
        """By what they are not, because SQLite then reads them in the order of the board."""
        own = Certificate.objects.issued().besides_exports().exclude(kind__in=[kind for kind in Kind if kind not in OWN_KINDS])
        return own.select_related("issuer").only(*READ)

    def by_hand(self, now: datetime) -> Q:
        """The same decisions as `node_expiry_wording`, for the database."""
        basis = renewal_basis(zone_current())
        found = _held_by_stopped(now)
        if not basis.issuer_has_expired(now):
            newest = Node.objects.filter(state=NodeState.REGISTERED, pk=OuterRef("holder_id"), generation=OuterRef("generation"))
            found |= Q(not_after__lt=now) & Q(Exists(newest))
        cannot = _cannot_be_renewed(basis, now)
        if cannot is not None:
            held = Q(holder_id__in=Node.objects.exclude(state__in=UNDER_WAY).order_by().values("pk"))
            replaced = Q(Exists(_of_now().under_way().filter(node=OuterRef("holder_id"), generation__gt=OuterRef("generation"))))
            found |= held & ~replaced & cannot
        return found

    def matching(self, text: str) -> Q:
        return super().matching(text) | Q(holder_id__in=Node.objects.filter(name__icontains=text).values("pk"))

    def due_by(self, moment: datetime) -> Q:
        return renewed_by(moment, renewal_basis(zone_current()))

    def forecast(self) -> Forecast | None:
        basis = renewal_basis(zone_current())
        if basis.staying is None:
            return None
        return Forecast("renew_at", Q(not_after__lte=basis.staying.not_after - lifetime.SHORTEST_GAIN), basis.root_due_at)

    def replaced_by(self, moment: datetime) -> Q:
        basis = renewal_basis(zone_current())
        with_root = basis.root_due_at is not None and basis.root_due_at <= moment
        return Q(pk__isnull=False) if with_root else renewed_by(moment, basis)

    def things(self, rows: Sequence[Any], now: datetime) -> list[Expiring]:
        basis, holders = renewal_basis(zone_current()), {row.holder_id for row in rows}
        nodes = {node.pk: node for node in Node.objects.filter(pk__in=holders).select_related("observation").only(*READ_OF_NODE)}
        last = Renewal.objects.filter(node__in=holders, generation=F("node__generation")).defer("package")
        renewals = {renewal.node_id: renewal for renewal in last}
        due = holders_due(self.rows().filter(holder_id__in=holders), basis)
        found = []
        for certificate in rows:
            node = nodes.get(certificate.holder_id)
            wording, owner = by_itself("No node of this site holds it, so nothing stops when it expires."), certificate.holder
            if node is not None:
                wording, owner = node_expiry_wording(certificate, node, renewals.get(node.pk), due.get(node.pk), basis, now=now), str(node)
            answers_here = node is not None and node.is_central and certificate.kind == Kind.SERVICE
            found.append(
                Expiring(
                    id=str(certificate.pk), kind=certificate.kind, subject=certificate.subject, holder=certificate.holder,
                    owner=f"{owner}, and this console" if answers_here else owner, not_before=certificate.not_before, not_after=certificate.not_after,
                    wording=wording, url=reverse("certs:detail", args=[certificate.pk]),
                )
            )  # fmt: skip
        return found


def _of_now() -> RenewalQuerySet:
    """The renewals that made, or should have made, the newest generation of their node."""
    return Renewal.objects.filter(generation=F("node__generation"))


@once
def _held_by_stopped(now: datetime) -> Q:
    """The certificates of nodes that failed, are silent, or whose renewal failed. If they are few, their ids are given, because SQLite then begins with them."""
    failed = Node.objects.filter(state=NodeState.FAILED).order_by().values_list("pk")
    silent = Node.objects.filter(silent_nodes(now)).order_by().values_list("pk")
    once_failed = Renewal.objects.filter(status=RenewalStatus.FAILED).order_by().values("node")  # SQLite begins with these
    failed_now = _of_now().filter(node__in=once_failed, status=RenewalStatus.FAILED).exclude(node__state__in=UNDER_WAY)
    not_renewed = failed_now.order_by().values_list("node")
    holders = failed.union(silent, not_renewed)
    few = [pk for (pk,) in holders[: FEW + 1]]
    return Q(holder_id__in=few if len(few) <= FEW else holders)


def _cannot_be_renewed(basis: RenewalBasis, now: datetime) -> Q | None:
    """The same decisions as `leaf_expiry_wording`. None: every certificate can be renewed."""
    stays = Q(issuer__isnull=True) | ~Q(issuer=basis.leaving_id) if basis.leaving_id else Q(pk__isnull=False)
    if basis.issuer_has_expired(now):
        return Q(pk__isnull=False)
    if basis.root_due_at is not None:
        return None
    if basis.staying is None:
        return stays
    gains = basis.staying.not_after - lifetime.SHORTEST_GAIN
    return stays & ~Q(Exists(Certificate.objects.issued().filter(holder_id=OuterRef("holder_id"), not_after__lte=gains)))
