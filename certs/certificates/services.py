"""Certificates: the door of their states, and prepare → record → sign → record."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from django.db import IntegrityError, transaction

from audit.actors import Actor
from audit.models import Event
from audit.record import record
from certs.certificates.issuer import Issuer, root_passphrase
from certs.certificates.revocation_lists import list_ask
from certs.errors import IllegalTransition, StaleCertificate
from certs.models import SIGNING_LEASE, Certificate, CertificateQuerySet, TrustZone
from certs.states import TRANSITIONS, CertificateStatus
from pki.core import keys, verify
from pki.core.keys import PrivateKey
from pki.core.roles import role_of
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
        list_ask(root=certificate.issuer, now=now)  # after the event: every transaction takes the log's head before a job
    return event


@dataclass(frozen=True)
class Intent:
    """Who is to hold the certificate, of which generation, carrying which database key: one issued certificate for each, ever."""

    holder_id: uuid.UUID
    holder: str
    generation: int
    database_key_version: int = 0


def certificate_issue(
    *,
    request: issue.Request,
    intent: Intent,
    issuer: Issuer | None,
    private_key: PrivateKey,
    actor: Actor,
    now: datetime,
    keep_key: str = "",
    still_wanted: Callable[[], None] = lambda: None,
    once_issued: Callable[[Certificate], None] = lambda _: None,
) -> Certificate:
    """Prepare (with lint), record, sign, record. `issuer` None makes a root with `private_key`.

    `still_wanted` is asked inside the recording transaction and raises to stop it: what was called off meanwhile is never signed.
    `once_issued` belongs to the transaction that puts the certificate into force.
    `keep_key` names the column that keeps the private key while it waits: `sealed_private_key` (under the database key) or
    `encrypted_private_key` (a root's, under the passphrase); empty keeps none. Raises: PKIError, StaleCertificate.
    """
    plan = issue.prepare(request, issuer_certificate=issuer.row.x509() if issuer else None, now=now)
    row = _recorded(
        plan, intent=intent, issuer=issuer, private_key=private_key, actor=actor, now=now, keep_key=keep_key, still_wanted=still_wanted
    )
    der = issue.sign(plan, issuer.private_key if issuer else private_key)
    signed = x509.load_der_x509_certificate(der)
    changes = {"der": der, "sha256": verify.fingerprint(signed), "role": role_of(signed) or ""}
    with transaction.atomic():
        certificate_transition(certificate=row, to=CertificateStatus.ISSUED, reason="", actor=actor, now=now, **changes)
        once_issued(row)
    return row


def _recorded(
    plan: issue.Plan,
    *,
    intent: Intent,
    issuer: Issuer | None,
    private_key: PrivateKey,
    actor: Actor,
    now: datetime,
    keep_key: str,
    still_wanted: Callable[[], None],
) -> Certificate:
    row = Certificate(
        kind=plan.kind,
        subject=plan.subject.rfc4514_string(),
        serial=f"{plan.serial:x}",
        subject_alternative_names=list(plan.subject_alternative_names),
        not_before=plan.validity.not_before,
        not_after=plan.validity.not_after,
        key_type=keys.key_type_of(plan.public_key),
        holder_id=intent.holder_id,
        holder=intent.holder,
        generation=intent.generation,
        database_key_version=intent.database_key_version,
        issuer=issuer.row if issuer else None,
        lease_until=now + SIGNING_LEASE,
        created_at=now,
    )
    if keep_key == "sealed_private_key":
        row.sealed_private_key = keys.to_pem(private_key)
    try:
        with transaction.atomic(durable=True):
            still_wanted()
            if keep_key == "encrypted_private_key":
                TrustZone.objects.select_for_update().first()  # no rotation of the passphrase between reading it and saving the row
                row.encrypted_private_key = keys.to_encrypted_pem(private_key, root_passphrase())
            row.save(force_insert=True)
            detail = {"holder": intent.holder, "generation": intent.generation, "serial": row.serial}
            record(actor=actor, action="certificate.recorded", target=row, detail=detail, now=now)
    except IntegrityError as exc:
        raise StaleCertificate(f"another worker makes the {plan.kind} certificate of {intent.holder}") from exc
    return row


def certificates_sweep(*, actor: Actor, now: datetime) -> int:
    """Rows that were recorded and never signed become failed; the same intent gets a new row and serial."""
    swept = 0
    for certificate in Certificate.objects.overdue(now):
        certificate_transition(
            certificate=certificate,
            to=CertificateStatus.FAILED,
            actor=actor,
            now=now,
            reason="never signed: its worker ended before it signed",
        )
        swept += 1
    return swept


def certificate_found(mine: CertificateQuerySet, *, actor: Actor, now: datetime) -> Certificate | None:
    """What an intent led to already; `mine` are its rows. Raises: StaleCertificate while another worker signs it."""
    for overdue in mine.overdue(now):
        reason = "its worker ended before it signed"
        certificate_transition(certificate=overdue, to=CertificateStatus.FAILED, reason=reason, actor=actor, now=now)
    found = mine.issued().first()
    if found is None and mine.filter(status=CertificateStatus.ISSUING).exists():
        raise StaleCertificate("another worker makes it")
    return found


def certificate_withdraw(
    *, certificate: Certificate, reason: str, actor: Actor, now: datetime, code: RevocationCode = RevocationCode.CESSATION_OF_OPERATION
) -> None:
    """Nobody is to use it any more: revoked, or failed where it is not signed yet. What has ended already stays as it is."""
    to = {
        CertificateStatus.ISSUING: CertificateStatus.FAILED,
        CertificateStatus.ISSUED: CertificateStatus.REVOKED,
        CertificateStatus.SUPERSEDED: CertificateStatus.REVOKED,
    }.get(CertificateStatus(certificate.status))
    if to is not None:
        changes = {"revocation_code": code} if to == CertificateStatus.REVOKED else {}
        certificate_transition(certificate=certificate, to=to, reason=reason, actor=actor, now=now, **changes)
