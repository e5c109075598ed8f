"""The lifetime of new certificates, in months (S8), and the effects of a change."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from audit.actors import Actor
from audit.record import record
from certs.lifetime.renewal_forecast import RenewalBasis, holders_due, renewal_basis
from certs.models import Certificate, Export, TrustZone
from certs.zone.services import zone_current
from pki.core import lifetime
from pki.core.roles import OWN_KINDS, Kind

PREVIEWED = (Kind.ROOT, Kind.SERVICE, Kind.CLIENT, Kind.CLUSTER)
FIRST_TO_RENEW = 5


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


def _next_renewals(basis: RenewalBasis) -> list[NodeRenewal]:
    leaves = list(Certificate.objects.issued().besides_exports().filter(kind__in=OWN_KINDS).defer("der", "sealed_private_key"))
    names = {leaf.holder_id: leaf.holder for leaf in leaves}
    found = [NodeRenewal(holder_id, names[holder_id], due.at) for holder_id, due in holders_due(leaves, basis).items()]
    return sorted(found, key=lambda renewal: (renewal.due_at, renewal.name))


def lifetime_preview(*, actor: Actor, months: int, now: datetime) -> Preview:
    """The effects of `months`, within the limits, and the next renewals. Raises: PermissionRefused, ZoneMissing."""
    actor.require("certs.view_certificate")
    basis = replace(renewal_basis(zone_current()), months=lifetime.clamp(months))
    issuing_end = basis.issuing.not_after if basis.issuing else None
    renewals = _next_renewals(basis)
    ends = new_ends(months=basis.months, root_not_after=issuing_end, now=now)
    return Preview(ends, len(renewals), renewals[:FIRST_TO_RENEW], Export.objects.in_use().count())


@transaction.atomic
def lifetime_set(*, actor: Actor, months: int, now: datetime) -> Lifetime:
    """Set the lifetime. A value outside 12–60 becomes 12 or 60 (S8). Raises: PermissionRefused, ZoneMissing."""
    actor.require("certs.change_trustzone")
    zone, asked = zone_current(), clamped(months)
    detail = {"from": zone.lifetime_months, "requested": str(asked.requested), "to": asked.months}
    TrustZone.objects.filter(pk=zone.pk).update(lifetime_months=asked.months)
    record(actor=actor, action="lifetime.set", target=zone, detail=detail, now=now)
    return asked
