"""The trust zone's roots and its cluster certificate: made once for each intent, and dropped."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from audit.actors import SYSTEM, Actor
from audit.record import record
from certs.certificates.issuer import issuer_of
from certs.certificates.services import Intent, certificate_found, certificate_issue, certificate_transition, certificate_withdraw
from certs.keys.policy import key_type
from certs.models import Certificate, TrustZone
from certs.states import CertificateStatus
from certs.zone.services import zone_current
from pki.core import keys
from pki.core.roles import CLUSTER_NAME, Kind
from pki.issuing import issue
from pki.issuing.revocation_list import RevocationCode

IN_FORCE = (CertificateStatus.ISSUING, CertificateStatus.ISSUED)


def root_next_number() -> int:
    """How many roots there ever were, and one."""
    numbers = Certificate.objects.filter(kind=Kind.ROOT).order_by("-generation").values_list("generation", flat=True)
    return (numbers.first() or 0) + 1


def root_make(
    *,
    zone: TrustZone,
    number: int,
    actor: Actor,
    now: datetime,
    still_wanted: Callable[[], None] = lambda: None,
    once_issued: Callable[[Certificate], None] = lambda _: None,
) -> Certificate:
    """The zone's root of this number: found again after a crash, or made. Its key stays, under the root passphrase.

    `once_issued` belongs to the transaction that puts it into force. Raises: StaleCertificate while another worker makes it, ZoneBroken, PKIError.
    """
    found = certificate_found(Certificate.objects.filter(kind=Kind.ROOT, generation=number), actor=actor, now=now)
    if found is not None:
        return found
    private_key = keys.generate(key_type(Kind.ROOT))
    request = issue.Request(Kind.ROOT, issue.root_name(zone.name, number), (), private_key.public_key(), zone.lifetime_months)
    return certificate_issue(
        request=request, intent=Intent(zone.pk, zone.name, number), issuer=None, private_key=private_key, actor=actor, now=now,
        keep_key="encrypted_private_key", still_wanted=still_wanted, once_issued=once_issued,
    )  # fmt: skip


def cluster_in_force(root: Certificate) -> Certificate | None:
    """The site's cluster certificate: what `root` issued, else the newest."""
    issued = Certificate.objects.issued().filter(kind=Kind.CLUSTER).order_by("-generation")
    return issued.filter(issuer=root).first() or issued.first()


def cluster_make(*, zone: TrustZone, root: Certificate, actor: Actor, now: datetime) -> Certificate:
    """A cluster certificate with a new key that `root` issued: the one that there is, or made. Its key stays sealed.

    Raises: StaleCertificate while another worker makes it, ZoneBroken, PKIError.
    """
    found = certificate_found(Certificate.objects.filter(kind=Kind.CLUSTER, issuer=root), actor=actor, now=now)
    return found if found is not None else cluster_renew(zone=zone, root=root, actor=actor, now=now)


def cluster_renew(*, zone: TrustZone, root: Certificate, actor: Actor, now: datetime) -> Certificate:
    """The next cluster certificate, of a new key, beside the one before. Raises: StaleCertificate, ZoneBroken, PKIError."""
    last = Certificate.objects.filter(kind=Kind.CLUSTER).exclude(status=CertificateStatus.FAILED).order_by("-generation").first()
    private_key = keys.generate(key_type(Kind.CLUSTER))
    request = issue.Request(Kind.CLUSTER, CLUSTER_NAME, (), private_key.public_key(), zone.lifetime_months)
    return certificate_issue(
        request=request, intent=Intent(zone.pk, zone.name, (last.generation if last else 0) + 1), issuer=issuer_of(root),
        private_key=private_key, actor=actor, now=now, keep_key="sealed_private_key",
    )  # fmt: skip


def root_drop(*, root: Certificate, reason: str, now: datetime) -> None:
    """Nobody trusts `root` any more: it and what it issued are superseded, its key is wiped. The caller holds a transaction."""
    for certificate in Certificate.objects.issued().filter(Q(pk=root.pk) | Q(issuer=root)):
        certificate_transition(certificate=certificate, to=CertificateStatus.SUPERSEDED, reason=reason, actor=SYSTEM, now=now)


@transaction.atomic
def rotates_by_itself_set(*, actor: Actor, on: bool, now: datetime) -> None:
    """Whether the root is replaced by itself at half its life. Raises: PermissionRefused, ZoneMissing."""
    actor.require("certs.rotate_root")
    zone = zone_current()
    TrustZone.objects.filter(pk=zone.pk).update(rotates_by_itself=on)
    record(actor=actor, action="rotation.by_itself", target=zone, detail={"from": zone.rotates_by_itself, "to": on}, now=now)


def roots_end(*, but: Certificate, reason: str, actor: Actor, now: datetime) -> int:
    """Nobody is to trust any root `but` this one: they and what they issued are revoked, their keys wiped. The caller holds a transaction.

    Returns how many certificates ended.
    """
    roots = Certificate.objects.filter(kind=Kind.ROOT, status__in=IN_FORCE).exclude(pk=but.pk)
    for root in roots:
        certificate_withdraw(certificate=root, reason=reason, actor=actor, now=now, code=RevocationCode.KEY_COMPROMISE)
    return len(roots) + orphans_end(reason=reason, actor=actor, now=now)


def orphans_end(*, reason: str, actor: Actor, now: datetime) -> int:
    """Whatever no root in force has issued, and its holder could still present, is revoked. Returns how many there were."""
    others = Certificate.objects.exclude(kind=Kind.ROOT).exclude(issuer__status=CertificateStatus.ISSUED)
    orphans = others.filter(Q(status__in=IN_FORCE) | Q(status=CertificateStatus.SUPERSEDED, not_after__gte=now))
    for orphan in orphans:
        certificate_withdraw(certificate=orphan, reason=reason, actor=actor, now=now, code=RevocationCode.KEY_COMPROMISE)
    return len(orphans)
