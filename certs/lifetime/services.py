"""The lifetime of new certificates, in months (S8), and the effects of a change."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from audit.actors import Actor
from audit.record import record
from certs.lifetime.renewal_forecast import RenewalBasis, holders_due, renewal_basis
from certs.models import Certificate, CertificateQuerySet, Export, TrustZone
from certs.zone.services import zone_current, zone_locked
from pki.core import lifetime
from pki.core.roles import OWN_KINDS, Kind

PREVIEWED = (Kind.ROOT, Kind.SERVICE, Kind.CLIENT, Kind.CLUSTER)
FIRST_TO_RENEW, BATCH, MOST_SEARCHED = 5, 50, 1000


@dataclass(frozen=True)
class Lifetime:
    """The requested and the effective lifetime, in months."""

    requested: int
    months: int
    minimum: int = lifetime.MINIMUM_MONTHS
    maximum: int = lifetime.MAXIMUM_MONTHS


@dataclass(frozen=True)
class NewEnd:
    """The expiry date of a certificate that is signed now. `uncut` is the expiry date without the limit of its root."""

    kind: str
    not_after: datetime
    cut: bool
    uncut: datetime


@dataclass(frozen=True)
class NodeRenewal:
    """The next renewal of one node's certificates."""

    node: uuid.UUID
    name: str
    due_at: datetime


@dataclass(frozen=True)
class Preview:
    """The effects of a lifetime. Existing certificates do not change. `renewals` counts the nodes that get it automatically, `first` names some.

    `exports` counts the exports. They get it only when you renew them.
    """

    certificates: list[NewEnd]
    renewals: int
    first: list[NodeRenewal]
    exports: int


def lifetime_get() -> Lifetime:
    """Raises: ZoneMissing."""
    months = zone_current().lifetime_months
    return Lifetime(requested=months, months=months)


def clamped(requested: int) -> Lifetime:
    """The effective lifetime for `requested` months."""
    return Lifetime(requested=requested, months=lifetime.clamp(requested))


def new_ends(*, months: int, root_not_after: datetime | None, now: datetime) -> list[NewEnd]:
    """The expiry date of a certificate that is signed now, for each kind."""
    uncut = lifetime.validity(now=now, months=months, issuer_not_after=None).not_after
    ends = [lifetime.validity(now=now, months=months, issuer_not_after=None if kind is Kind.ROOT else root_not_after) for kind in PREVIEWED]
    return [NewEnd(kind.value, end.not_after, end.cut, uncut) for kind, end in zip(PREVIEWED, ends, strict=True)]


def _leaves() -> CertificateQuerySet:
    return Certificate.objects.issued().besides_exports().filter(kind__in=OWN_KINDS)


def _next_renewals(basis: RenewalBasis) -> list[NodeRenewal]:
    """The nodes that are renewed first. No certificate is renewed before its `renew_at`, so the search ends early."""
    found: dict[uuid.UUID, NodeRenewal] = {}
    for at in range(0, MOST_SEARCHED, BATCH):
        leaves = list(
            _leaves()
            .filter(renew_at__isnull=False)
            .order_by("renew_at", "pk")[at : at + BATCH]
            .values_list("holder_id", "renew_at", "holder")
        )
        holders = {holder: name for holder, _, name in leaves if holder is not None and holder not in found}
        due = holders_due(_leaves().filter(holder_id__in=holders).defer("der", "sealed_private_key"), basis)
        found |= {holder: NodeRenewal(holder, holders[holder], moment.at) for holder, moment in due.items()}
        first = sorted(found.values(), key=lambda renewal: (renewal.due_at, renewal.name))[:FIRST_TO_RENEW]
        last = leaves[-1][1] if leaves else None
        if len(leaves) < BATCH or last is None or (len(first) == FIRST_TO_RENEW and first[-1].due_at <= last):
            break
    return first


def _renewed(basis: RenewalBasis) -> int:
    """The number of nodes that are renewed automatically."""
    leaves = _leaves()
    if basis.root_due_at is None:
        leaves = leaves.filter(not_after__lte=basis.staying.not_after - lifetime.SHORTEST_GAIN) if basis.staying else leaves.none()
    return leaves.order_by().values("holder_id").distinct().count()


def lifetime_preview(*, actor: Actor, months: int, now: datetime) -> Preview:
    """The effects of `months`, within the limits, and the next renewals. Raises: PermissionRefused, ZoneMissing."""
    actor.require("certs.view_certificate")
    basis = replace(renewal_basis(zone_current()), months=lifetime.clamp(months))
    issuing_end = basis.issuing.not_after if basis.issuing else None
    renewals = _next_renewals(basis)
    ends = new_ends(months=basis.months, root_not_after=issuing_end, now=now)
    return Preview(ends, _renewed(basis), renewals, Export.objects.in_use().count())


@transaction.atomic
def lifetime_set(*, actor: Actor, months: int, now: datetime) -> Lifetime:
    """Set the lifetime. A value outside 12–60 becomes 12 or 60 (S8). Raises: PermissionRefused, ZoneMissing."""
    actor.require("certs.change_trustzone")
    zone, asked = zone_locked(), clamped(months)
    detail = {"from": zone.lifetime_months, "requested": str(asked.requested), "to": asked.months}
    TrustZone.objects.filter(pk=zone.pk).update(lifetime_months=asked.months)
    record(actor=actor, action="lifetime.set", target=zone, detail=detail, now=now)
    return asked
