"""The trust zone's roots and its cluster certificate: found, made and removed."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Max, Q

from audit.actors import SYSTEM, Actor
from audit.record import record
from certs.certificates.issuer import issuer_of, site_certificates
from certs.certificates.services import Draft, Intent, certificate_for, certificate_transition, certificate_withdraw
from certs.keys.services import key_type
from certs.models import Certificate, TrustZone
from certs.states import CertificateStatus
from certs.zone.services import zone_current
from pki.core import keys
from pki.core.roles import CLUSTER_NAME, Kind
from pki.issuing import issue
from pki.issuing.revocation_list import RevocationCode

IN_FORCE = (CertificateStatus.ISSUING, CertificateStatus.ISSUED)


def root_next_number() -> int:
    """The number of the next root: one more than the highest that was ever recorded."""
    numbers = Certificate.objects.filter(kind=Kind.ROOT).order_by("-generation").values_list("generation", flat=True)
    return (numbers.first() or 0) + 1


def root_make(
    *,
    zone: TrustZone,
    number: int,
    actor: Actor,
    now: datetime,
    raise_if_canceled: Callable[[], None] = lambda: None,
    once_issued: Callable[[Certificate], None] = lambda _: None,
) -> Certificate:
    """Find or make the zone's root of this number. Its row keeps the private key under the root passphrase.

    `once_issued` runs in the transaction that makes it issued. Raises: StaleCertificate while another worker makes it, ZoneBroken, PKIError.
    """

    def draft() -> Draft:
        private_key = keys.generate(key_type(Kind.ROOT))
        name = issue.root_name(zone.name, number)
        return Draft(issue.Request(Kind.ROOT, name, (), private_key.public_key(), zone.lifetime_months), private_key, issuer=None)

    return certificate_for(
        intent=Intent(Kind.ROOT, zone.pk, zone.name, number), draft=draft, actor=actor, now=now, raise_if_canceled=raise_if_canceled,
        once_issued=once_issued,
    )  # fmt: skip


def cluster_in_force(root: Certificate) -> Certificate | None:
    """The site's current cluster certificate: the newest that `root` issued, else the newest."""
    issued = [certificate for certificate in site_certificates() if certificate.kind == Kind.CLUSTER]
    return next((certificate for certificate in issued if certificate.issuer_id == root.pk), None) or next(iter(issued), None)


def cluster_make(*, zone: TrustZone, root: Certificate, actor: Actor, now: datetime) -> Certificate:
    """Find or make a cluster certificate that `root` issued. Raises: StaleCertificate while another worker makes it, ZoneBroken, PKIError."""
    own = Certificate.objects.filter(kind=Kind.CLUSTER, issuer=root)
    begun = own.issued().first() or own.filter(status=CertificateStatus.ISSUING).first()
    return _cluster(zone, root, begun.generation if begun else _cluster_next_number(), actor, now)


def cluster_renew(*, zone: TrustZone, root: Certificate, actor: Actor, now: datetime) -> Certificate:
    """Make the next cluster certificate, with a new key. The one before stays. Raises: StaleCertificate, ZoneBroken, PKIError."""
    return _cluster(zone, root, _cluster_next_number(), actor, now)


def _cluster_next_number() -> int:
    begun = Certificate.objects.filter(kind=Kind.CLUSTER).exclude(status=CertificateStatus.FAILED)
    return (begun.aggregate(last=Max("generation"))["last"] or 0) + 1


def _cluster(zone: TrustZone, root: Certificate, number: int, actor: Actor, now: datetime) -> Certificate:
    def draft() -> Draft:
        private_key = keys.generate(key_type(Kind.CLUSTER))
        request = issue.Request(Kind.CLUSTER, CLUSTER_NAME, (), private_key.public_key(), zone.lifetime_months)
        return Draft(request, private_key, issuer_of(root))

    return certificate_for(intent=Intent(Kind.CLUSTER, zone.pk, zone.name, number), draft=draft, actor=actor, now=now)


def root_drop(*, root: Certificate, reason: str, now: datetime) -> None:
    """Supersede `root` and every certificate that it issued, and delete its private key. The caller holds a transaction."""
    of_root = Certificate.objects.issued().filter(Q(pk=root.pk) | Q(issuer=root))
    of_root.lock()
    for certificate in of_root:
        certificate_transition(certificate=certificate, to=CertificateStatus.SUPERSEDED, reason=reason, actor=SYSTEM, now=now)


@transaction.atomic
def automatic_rotation_set(*, actor: Actor, on: bool, now: datetime) -> None:
    """Set whether the root is replaced automatically at half its lifetime. Raises: PermissionRefused, ZoneMissing."""
    actor.require("certs.rotate_root")
    zone = zone_current()
    TrustZone.objects.filter(pk=zone.pk).update(rotates_by_itself=on)
    record(actor=actor, action="rotation.by_itself", target=zone, detail={"from": zone.rotates_by_itself, "to": on}, now=now)


def roots_revoke(*, but: Certificate, reason: str, actor: Actor, now: datetime) -> int:
    """Revoke every root `but` this one and every certificate that they issued, and delete their private keys. The caller holds a transaction.

    Returns how many certificates were revoked or canceled.
    """
    roots = Certificate.objects.filter(kind=Kind.ROOT, status__in=IN_FORCE).exclude(pk=but.pk)
    for root in roots:
        certificate_withdraw(certificate=root, reason=reason, actor=actor, now=now, code=RevocationCode.KEY_COMPROMISE)
    return len(roots) + orphans_revoke(reason=reason, actor=actor, now=now)


def orphans_revoke(*, reason: str, actor: Actor, now: datetime) -> int:
    """Revoke the certificates that no current root issued and that their holders could still present. Returns how many there were."""
    others = Certificate.objects.exclude(kind=Kind.ROOT).exclude(issuer__status=CertificateStatus.ISSUED)
    orphans = others.filter(Q(status__in=IN_FORCE) | Q(status=CertificateStatus.SUPERSEDED, not_after__gte=now))
    for orphan in orphans:
        certificate_withdraw(certificate=orphan, reason=reason, actor=actor, now=now, code=RevocationCode.KEY_COMPROMISE)
    return len(orphans)
