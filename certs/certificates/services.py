"""Certificates: change their states, and find or make the certificate of an intent."""

import functools
import operator
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from django.db import IntegrityError, transaction
from django.db.models import Q

from audit.actors import SYSTEM, Actor
from audit.models import Event
from audit.record import record, record_each
from certs.certificates.issuer import Issuer
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
from sealing.fields import seal_each
from sealing.root_passphrase import root_passphrase

TRANSITION = "certificate.transition"


@transaction.atomic
def certificate_transition(
    *, certificate: Certificate, to: CertificateStatus, reason: str, actor: Actor, now: datetime, **changes: Any
) -> Event:
    """Move `certificate` to `to`. Raises: IllegalTransition, StaleCertificate (another worker was first)."""
    detail = _moved(certificate, to, reason, now, changes)
    certificate.refresh_from_db()
    event = record(actor=actor, action=TRANSITION, target=certificate, detail=detail, now=now)
    if to == CertificateStatus.REVOKED and certificate.issuer is not None and certificate.issuer.status == CertificateStatus.ISSUED:
        list_ask(root=certificate.issuer, now=now)  # after the event, because every transaction locks the head of the log before jobs
    return event


def _moved(certificate: Certificate, to: CertificateStatus, reason: str, now: datetime, changes: dict[str, Any]) -> dict[str, Any]:
    """Move the row, and return the detail of its event. Raises: IllegalTransition, StaleCertificate."""
    old = CertificateStatus(certificate.status)
    if to not in TRANSITIONS[old]:
        raise IllegalTransition(f"{certificate}: {old} → {to} is not possible")
    if to != CertificateStatus.ISSUED:
        changes |= {"sealed_private_key": None, "encrypted_private_key": None}
    if to in (CertificateStatus.SUPERSEDED, CertificateStatus.REVOKED):
        changes |= {f"{to}_at": now}
    changes |= {"status": to, "reason": reason}
    if not Certificate.objects.filter(pk=certificate.pk, status=old).update(**changes):
        raise StaleCertificate(f"{certificate} is no longer {old}")
    for name, value in changes.items():
        setattr(certificate, name, value)
    return {"from": old, "to": to, "reason": reason, "serial": certificate.serial, "sha256": certificate.sha256}


@dataclass(frozen=True)
class Intent:
    """A requested certificate. At most one row of an intent is being signed or issued. Without a version, it can have any database key or none."""

    kind: Kind
    holder_id: uuid.UUID
    holder: str
    generation: int
    database_key_version: int | None = None

    def _values(self) -> dict[str, Any]:
        """The values of every row that was ever recorded for this intent."""
        values = {"kind": self.kind, "holder_id": self.holder_id, "generation": self.generation}
        return values if self.database_key_version is None else values | {"database_key_version": self.database_key_version}

    def condition(self) -> Q:
        return Q(**self._values())

    def rows(self) -> CertificateQuerySet:
        return Certificate.objects.filter(self.condition())

    def is_of(self, row: Certificate) -> bool:
        return all(getattr(row, name) == value for name, value in self._values().items())


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
    """The certificate of one intent, as `certificates_for`. `once_issued` runs in the transaction that makes it issued, and only if it is made."""
    (row,) = certificates_for(
        drafts={intent: draft}, actor=actor, now=now, raise_if_canceled=raise_if_canceled, once_issued=lambda rows: once_issued(rows[0])
    )
    return row


def certificates_for(
    *,
    drafts: Mapping[Intent, Callable[[], Draft]],
    actor: Actor,
    now: datetime,
    raise_if_canceled: Callable[[], None] = lambda: None,
    once_issued: Callable[[list[Certificate]], None] = lambda _: None,
) -> list[Certificate]:
    """Find the issued certificate of each intent, or make it from its draft: prepare (with lint), record, sign, record.

    All rows are recorded in one transaction, and all become issued in one. `raise_if_canceled` runs in the first one, and raises if the
    certificates were canceled, so that they are never signed. `once_issued` runs in the second one, with the certificates that were made.

    Raises: StaleCertificate while another worker makes one of them, PKIError, and the errors of the three functions.
    """
    found = _found(drafts, now)
    new = {intent: draft() for intent, draft in drafts.items() if intent not in found}
    if new:
        plans = [issue.prepare(d.request, issuer_certificate=d.issuer.row.x509() if d.issuer else None, now=now) for d in new.values()]
        rows = _recorded(plans, new, actor=actor, now=now, raise_if_canceled=raise_if_canceled)
        signed = [
            issue.sign(plan, d.issuer.private_key if d.issuer else d.private_key) for plan, d in zip(plans, new.values(), strict=True)
        ]
        _put_into_force(rows, signed, actor=actor, now=now, once_issued=once_issued)
        found |= zip(new, rows, strict=True)
    return [found[intent] for intent in drafts]


def _found(intents: Iterable[Intent], now: datetime) -> dict[Intent, Certificate]:
    """The issued certificates of these intents. Raises: StaleCertificate while another worker makes one of them."""
    of_intents = functools.reduce(operator.or_, (intent.condition() for intent in intents))
    rows = Certificate.objects.filter(of_intents, status__in=[CertificateStatus.ISSUING, CertificateStatus.ISSUED])
    if any(row.status == CertificateStatus.ISSUING for row in rows):
        certificates_sweep(rows, now=now)
        rows = rows.all()
    found: dict[Intent, Certificate] = {}
    for intent in intents:
        own = [row for row in rows if intent.is_of(row)]
        issued = next((row for row in own if row.status == CertificateStatus.ISSUED), None)
        if issued is not None:
            found[intent] = issued
        elif own:
            raise _made_elsewhere(intent)
    return found


def _put_into_force(
    rows: list[Certificate], signed: list[bytes], *, actor: Actor, now: datetime, once_issued: Callable[[list[Certificate]], None]
) -> None:
    with transaction.atomic():
        in_order = sorted(zip(rows, signed, strict=True), key=lambda pair: pair[0].pk)  # as every transaction locks them
        details = [(row, _moved(row, CertificateStatus.ISSUED, "", now, _of_signed(der))) for row, der in in_order]
        record_each(actor=actor, action=TRANSITION, details=details, now=now)
        once_issued(rows)


def _of_signed(der: bytes) -> dict[str, Any]:
    signed = x509.load_der_x509_certificate(der)
    return {"der": der, "sha256": verify.fingerprint(signed), "role": role_of(signed) or ""}


def renew_at(kind: Kind, not_before: datetime, not_after: datetime, serial: int) -> datetime | None:
    """When a certificate is due for automatic renewal. None for roots, which rotate."""
    return None if kind == Kind.ROOT else lifetime.renewal_at(not_before, not_after, serial)


def _recorded(
    plans: list[issue.Plan], drafts: Mapping[Intent, Draft], *, actor: Actor, now: datetime, raise_if_canceled: Callable[[], None]
) -> list[Certificate]:
    rows = [_row(plan, intent, draft, now) for plan, (intent, draft) in zip(plans, drafts.items(), strict=True)]
    try:
        with transaction.atomic(durable=True):
            raise_if_canceled()
            for row, draft in zip(rows, drafts.values(), strict=True):
                if draft.keeps_key and draft.issuer is None:
                    TrustZone.objects.select_for_update().first()  # the root passphrase is not rotated between reading it and saving the row
                    row.encrypted_private_key = keys.to_encrypted_pem(draft.private_key, root_passphrase())
            seal_each(rows, "sealed_private_key")
            Certificate.objects.bulk_create(rows)
            details = [(row, {"holder": row.holder, "generation": row.generation, "serial": row.serial}) for row in rows]
            record_each(actor=actor, action="certificate.recorded", details=details, now=now)
    except IntegrityError as exc:
        first, *others = drafts
        what = "certificates" if others else f"the {first.kind} certificate"
        raise StaleCertificate(f"another worker makes {what} of {first.holder}") from exc
    return rows


def _row(plan: issue.Plan, intent: Intent, draft: Draft, now: datetime) -> Certificate:
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
