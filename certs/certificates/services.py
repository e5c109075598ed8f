"""Certificates: change their states, and find or make the certificate of an intent."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from django.db import IntegrityError, transaction

from audit.actors import SYSTEM, Actor
from audit.models import Event
from audit.record import record
from certs.certificates.issuer import Issuer, root_passphrase
from certs.certificates.revocation_lists import list_ask
from certs.errors import IllegalTransition, StaleCertificate
from certs.models import Certificate, CertificateQuerySet, TrustZone
from certs.states import TRANSITIONS, CertificateStatus
from jobs.leases import SIGNING_LEASE
from pki.core import keys, lifetime, verify
from pki.core.keys import PrivateKey
from pki.core.roles import Kind, role_of
from pki.issuing import issue
from pki.issuing.revocation_list import RevocationCode


@transaction.atomic
def certificate_transition(
    *, certificate: Certificate, to: CertificateStatus, reason: str, actor: Actor, now: datetime, **changes: Any
) -> Event:
    """Move `certificate` to `to`. Raises: IllegalTransition, StaleCertificate (another worker was first)."""
    old = CertificateStatus(certificate.status)
    if to not in TRANSITIONS[old]:
        raise IllegalTransition(f"{certificate}: {old} → {to} is not possible")
    if to != CertificateStatus.ISSUED:
        changes |= {"sealed_private_key": None, "encrypted_private_key": None}
    if to in (CertificateStatus.SUPERSEDED, CertificateStatus.REVOKED):
        changes |= {f"{to}_at": now}
    changed = Certificate.objects.filter(pk=certificate.pk, status=old).update(status=to, reason=reason, **changes)
    if not changed:
        raise StaleCertificate(f"{certificate} is no longer {old}")
    certificate.refresh_from_db()
    detail = {"from": old, "to": to, "reason": reason, "serial": certificate.serial, "sha256": certificate.sha256}
    event = record(actor=actor, action="certificate.transition", target=certificate, detail=detail, now=now)
    if to == CertificateStatus.REVOKED and certificate.issuer is not None and certificate.issuer.status == CertificateStatus.ISSUED:
        list_ask(root=certificate.issuer, now=now)  # after the event, because every transaction locks the head of the log before jobs
    return event


@dataclass(frozen=True)
class Intent:
    """A requested certificate. At most one row of an intent is being signed or issued. Without a version, it can have any database key or none."""

    kind: Kind
    holder_id: uuid.UUID
    holder: str
    generation: int
    database_key_version: int | None = None

    def rows(self) -> CertificateQuerySet:
        """Every row that was ever recorded for this intent."""
        rows = Certificate.objects.filter(kind=self.kind, holder_id=self.holder_id, generation=self.generation)
        return rows if self.database_key_version is None else rows.filter(database_key_version=self.database_key_version)


@dataclass(frozen=True)
class Draft:
    """The content of a new certificate. Without `issuer`, it is a root. `keeps_key`: its row keeps the private key, encrypted."""

    request: issue.Request
    private_key: PrivateKey = field(repr=False)
    issuer: Issuer | None
    database_key_version: int = 0
    keeps_key: bool = True


def certificate_for(
    *,
    intent: Intent,
    draft: Callable[[], Draft],
    actor: Actor,
    now: datetime,
    raise_if_canceled: Callable[[], None] = lambda: None,
    once_issued: Callable[[Certificate], None] = lambda _: None,
) -> Certificate:
    """Find the issued certificate of `intent`, or make it from `draft()`: prepare (with lint), record, sign, record.

    `raise_if_canceled` runs in the transaction that records the row, and raises if the certificate was canceled, so that it is never signed.
    `once_issued` runs in the transaction that makes the certificate issued. It does not run for a certificate that is found.

    Raises: StaleCertificate while another worker makes it, PKIError, and the errors of the three functions.
    """
    certificates_sweep(intent.rows(), now=now)
    found = intent.rows().issued().first()
    if found is not None:
        return found
    if intent.rows().filter(status=CertificateStatus.ISSUING).exists():
        raise _made_elsewhere(intent)
    new = draft()
    plan = issue.prepare(new.request, issuer_certificate=new.issuer.row.x509() if new.issuer else None, now=now)
    row = _recorded(plan, intent=intent, draft=new, actor=actor, now=now, raise_if_canceled=raise_if_canceled)
    der = issue.sign(plan, new.issuer.private_key if new.issuer else new.private_key)
    signed = x509.load_der_x509_certificate(der)
    changes = {"der": der, "sha256": verify.fingerprint(signed), "role": role_of(signed) or ""}
    with transaction.atomic():
        certificate_transition(certificate=row, to=CertificateStatus.ISSUED, reason="", actor=actor, now=now, **changes)
        once_issued(row)
    return row


def renew_at(kind: Kind, not_before: datetime, not_after: datetime, serial: int) -> datetime | None:
    """When a certificate is due for automatic renewal. None for roots, which rotate."""
    return None if kind == Kind.ROOT else lifetime.renewal_at(not_before, not_after, serial)


def _recorded(
    plan: issue.Plan, *, intent: Intent, draft: Draft, actor: Actor, now: datetime, raise_if_canceled: Callable[[], None]
) -> Certificate:
    row = Certificate(
        kind=plan.kind,
        subject=plan.subject.rfc4514_string(),
        serial=f"{plan.serial:x}",
        subject_alternative_names=list(plan.subject_alternative_names),
        not_before=plan.validity.not_before,
        not_after=plan.validity.not_after,
        renew_at=renew_at(plan.kind, plan.validity.not_before, plan.validity.not_after, plan.serial),
        key_type=keys.key_type_of(plan.public_key),
        holder_id=intent.holder_id,
        holder=intent.holder,
        generation=intent.generation,
        database_key_version=draft.database_key_version,
        issuer=draft.issuer.row if draft.issuer else None,
        lease_until=now + SIGNING_LEASE,
        created_at=now,
    )
    if draft.keeps_key and draft.issuer is not None:
        row.sealed_private_key = keys.to_pem(draft.private_key)
    try:
        with transaction.atomic(durable=True):
            raise_if_canceled()
            if draft.keeps_key and draft.issuer is None:
                TrustZone.objects.select_for_update().first()  # the root passphrase is not rotated between reading it and saving the row
                row.encrypted_private_key = keys.to_encrypted_pem(draft.private_key, root_passphrase())
            row.save(force_insert=True)
            detail = {"holder": intent.holder, "generation": intent.generation, "serial": row.serial}
            record(actor=actor, action="certificate.recorded", target=row, detail=detail, now=now)
    except IntegrityError as exc:
        raise _made_elsewhere(intent) from exc
    return row


def _made_elsewhere(intent: Intent) -> StaleCertificate:
    return StaleCertificate(f"another worker makes the {intent.kind} certificate of {intent.holder}")


def certificates_sweep(rows: CertificateQuerySet, *, now: datetime) -> None:
    """Of these rows, those that were recorded and not signed within their lease become failed. Their intent then gets a new row and serial."""
    for row in rows.overdue(now):
        reason = "its worker ended before it signed"
        certificate_transition(certificate=row, to=CertificateStatus.FAILED, reason=reason, actor=SYSTEM, now=now)


def certificate_withdraw(
    *, certificate: Certificate, reason: str, actor: Actor, now: datetime, code: RevocationCode = RevocationCode.CESSATION_OF_OPERATION
) -> None:
    """Revoke the certificate. If it is not signed yet, it fails instead. A certificate that is revoked or failed stays as it is."""
    to = {
        CertificateStatus.ISSUING: CertificateStatus.FAILED,
        CertificateStatus.ISSUED: CertificateStatus.REVOKED,
        CertificateStatus.SUPERSEDED: CertificateStatus.REVOKED,
    }.get(CertificateStatus(certificate.status))
    if to is not None:
        changes = {"revocation_code": code} if to == CertificateStatus.REVOKED else {}
        certificate_transition(certificate=certificate, to=to, reason=reason, actor=actor, now=now, **changes)
