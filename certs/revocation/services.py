"""Revoke certificates with their predecessors. Certificates that the central node uses are refused."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from audit.actors import Actor
from certs.certificates.issuer import issuing_root
from certs.certificates.services import certificate_withdraw
from certs.errors import IllegalTransition, StaleCertificate
from certs.models import Certificate, DatabaseKey
from certs.roots.services import cluster_in_force
from certs.states import TRANSITIONS, CertificateStatus
from certs.zone.services import zone_current
from pki.core.roles import OWN_KINDS, Kind
from pki.issuing.revocation_list import RevocationCode
from sealing.local_keys import own_fingerprints, own_pair_fingerprints

CHANGED = "The list of certificates has changed since the page was opened. Nothing was revoked. Check the new list, then revoke again."


@dataclass(frozen=True)
class Revocation:
    """The certificates that are revoked together, the requested one first. `refused` says why that is not possible, and what to do first."""

    certificates: list[Certificate]
    refused: str


def predecessors(certificate: Certificate, *, now: datetime) -> "QuerySet[Certificate]":
    """Certificates of earlier generations that are still accepted: their keys are on the same disk, so they are revoked too.

    During a rotation of the database key, one generation has several service certificates. None of them is a predecessor of another.
    """
    same = Certificate.objects.accepted().filter(holder_id=certificate.holder_id, kind=certificate.kind, not_after__gte=now)
    return same.filter(generation__lt=certificate.generation).order_by("-generation", "-database_key_version")


def in_use_by_central() -> "QuerySet[Certificate]":
    """All certificates that the central node, or the machine of this process, needs. Raises: ZoneMissing, ZoneBroken.

    These are the installed ones and those that are recorded as issued, because store and database can differ for a moment.
    """
    zone, cluster = zone_current(), cluster_in_force(issuing_root())
    live = {database_key.key_id for database_key in DatabaseKey.objects.live() if database_key.key_id}
    installed = Q(sha256__in=own_fingerprints() | own_pair_fingerprints(live))
    issued = Q(kind=Kind.ROOT) | Q(kind__in=OWN_KINDS, holder=zone.name) | Q(pk=cluster.pk if cluster else None)
    return Certificate.objects.besides_exports().filter(installed | Q(issued, status=CertificateStatus.ISSUED))


def revocation_of(certificate: Certificate, *, now: datetime) -> Revocation:
    """The effects of revoking `certificate`. Raises: ZoneMissing, ZoneBroken."""
    together = [certificate, *predecessors(certificate, now=now)]
    return Revocation(together, _refused(certificate, together))


def _refused(certificate: Certificate, together: list[Certificate]) -> str:
    if alone := _refused_alone(certificate):
        return alone
    used = in_use_by_central().filter(pk__in=[exposed.pk for exposed in together]).order_by("-generation").first()
    if used is None:
        return ""
    user = (
        f"{used.holder}, which runs this console"
        if used.kind != Kind.CLUSTER and used.holder != zone_current().name
        else "the central node"
    )
    what = f"{used}, generation {used.generation}, is in use by {user}"
    if used.pk != certificate.pk:
        what = f"{certificate} cannot be revoked, because older certificates are revoked with it. {what}"
    first = (
        "Start a rotation of the root, which replaces it"
        if used.kind == Kind.CLUSTER
        else "Renew that node first, and wait until the renewal is proved"
    )
    return f"{what}. {first}, then revoke the old certificate."


def revocations_refused(certificates: Collection[Certificate], *, now: datetime) -> dict[uuid.UUID, str]:
    """Why some of `certificates` cannot be revoked, and what to do first. Few queries: those that the central node can be using are asked one by one.

    Raises: ZoneMissing, ZoneBroken.
    """
    used = {(row.holder_id, row.kind) for row in in_use_by_central().only("holder_id", "kind")}
    doubtful = [row for row in certificates if (row.holder_id, row.kind) in used]
    found = {row.pk: revocation_of(row, now=now).refused for row in doubtful}
    found |= {row.pk: _refused_alone(row) for row in certificates if row.pk not in found}
    return {pk: text for pk, text in found.items() if text}


def _refused_alone(certificate: Certificate) -> str:
    if certificate.kind == Kind.ROOT:
        return f"{certificate} issues all other certificates and cannot be revoked. Start a rotation, or recreate the root."
    if CertificateStatus.REVOKED not in TRANSITIONS[CertificateStatus(certificate.status)]:
        return f"{certificate} is {certificate.status}: it cannot be revoked."
    return ""


@transaction.atomic
def certificate_revoke(
    *,
    certificate: Certificate,
    reason: str,
    code: RevocationCode,
    actor: Actor,
    now: datetime,
    listed: Collection[uuid.UUID] | None = None,
) -> list[Certificate]:
    """Revoke it and its predecessors. The node API refuses them from the next request on, and agents after their next heartbeat.

    `listed` are the certificates that the caller was shown. If they have changed, nothing is revoked. Returns the revoked certificates.
    Raises: PermissionRefused, IllegalTransition, StaleCertificate, ZoneMissing, ZoneBroken.
    """
    actor.require("certs.revoke_certificate")
    Certificate.objects.filter(holder_id=certificate.holder_id, kind=certificate.kind).lock()
    certificate.refresh_from_db()
    plan = revocation_of(certificate, now=now)
    if plan.refused:
        raise IllegalTransition(plan.refused)
    if listed is not None and set(listed) != {affected.pk for affected in plan.certificates}:
        raise StaleCertificate(CHANGED)
    for affected in plan.certificates:
        certificate_withdraw(certificate=affected, reason=reason, code=code, actor=actor, now=now)
    return plan.certificates
