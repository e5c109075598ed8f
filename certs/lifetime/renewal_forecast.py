"""The renewal forecast: when each certificate is renewed or replaced, with the current settings. Pure, except `renewal_basis`."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from attention.once import once
from certs.certificates.issuer import root_rotation, roots_in_force
from certs.models import Certificate, TrustZone
from pki.core import lifetime
from pki.core.roles import OWN_KINDS


@dataclass(frozen=True)
class RenewalBasis:
    """Facts that decide renewals: the lifetime, the root that issues, the root that stays after a rotation, and the root that it removes."""

    months: int
    rotates_by_itself: bool
    issuing: Certificate | None
    staying: Certificate | None
    leaving_id: uuid.UUID | None = None

    def issuer_has_expired(self, now: datetime) -> bool:
        """Whether certificates that it would issue are not accepted."""
        return self.issuing is not None and self.issuing.has_expired(now)

    @property
    def root_due_at(self) -> datetime | None:
        """When the root that stays is replaced automatically. None if automatic rotation is off."""
        root = self.staying
        return lifetime.root_due_at(root.not_before, root.not_after) if root and self.rotates_by_itself else None


@dataclass(frozen=True)
class Due:
    """When a leaf certificate is renewed automatically, and whether the next root causes it."""

    at: datetime
    with_root: bool


@once
def renewal_basis(zone: TrustZone) -> RenewalBasis:
    """The current facts of the zone."""
    rotation = root_rotation()
    if rotation is None:
        root = next(iter(roots_in_force()), None)
        return RenewalBasis(zone.lifetime_months, zone.rotates_by_itself, root, root)
    issuing = rotation.to_root if rotation.switched_at else rotation.from_root
    return RenewalBasis(
        zone.lifetime_months, zone.rotates_by_itself, issuing, rotation.to_root or rotation.from_root, rotation.from_root_id
    )


def leaf_due(certificate: Certificate, basis: RenewalBasis) -> Due | None:
    """When a leaf certificate is renewed automatically: because of its own age, or with its root. None if neither happens."""
    root, found = basis.staying, []
    if root is not None:
        ends = certificate.not_before, certificate.not_after
        own = lifetime.replaced_at(*ends, int(certificate.serial, 16), months=basis.months, issuer_not_after=root.not_after)
        found += [Due(own, with_root=False)] if own else []
    if basis.root_due_at:
        found.append(Due(basis.root_due_at, with_root=True))
    return min(found, key=lambda due: due.at, default=None)


def renewed_by(moment: datetime, basis: RenewalBasis) -> Q:
    """The certificates that are renewed automatically at `moment` or earlier because of their own age, as `leaf_due` decides, for the database."""
    if basis.staying is None:
        return Q(pk__in=[])
    worthwhile = min(basis.staying.not_after, lifetime.add_months(moment, basis.months)) - lifetime.SHORTEST_GAIN
    return Q(renew_at__lte=moment, not_after__lte=worthwhile)


def holders_due(certificates: Iterable[Certificate], basis: RenewalBasis) -> dict[uuid.UUID, Due]:
    """For each holder, when it is renewed automatically. A renewal replaces all its certificates, so the first that is due decides.

    Only its newest generation counts, because older ones are already replaced.
    """
    held: dict[uuid.UUID, list[Certificate]] = {}
    for certificate in certificates:
        if certificate.kind in OWN_KINDS and certificate.holder_id is not None:
            held.setdefault(certificate.holder_id, []).append(certificate)
    found = {}
    for holder_id, leaves in held.items():
        newest = max(leaf.generation for leaf in leaves)
        due = [moment for leaf in leaves if leaf.generation == newest and (moment := leaf_due(leaf, basis))]
        if due:
            found[holder_id] = min(due, key=lambda moment: moment.at)
    return found
