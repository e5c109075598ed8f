"""Revocation lists of the roots in force. Workers sign them after each revocation, and every day."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from attention.once import once
from audit.actors import SYSTEM
from audit.record import record
from certs.certificates.issuer import issuer_of, roots_in_force
from certs.certificates.revocation_lists import TASK, list_ask
from certs.models import Certificate, RevocationList
from certs.states import CertificateStatus
from jobs.leases import waits_too_long
from jobs.models import Job
from jobs.registry import handles
from jobs.services import job_finish
from pki.core import verify
from pki.issuing import revocation_list
from pki.issuing.revocation_list import Entry, RevocationCode

ANEW, KEPT = timedelta(days=1), 3
# An entry stays until a list was issued after the certificate's expiry date (RFC 5280, section 3.3).
AFTER_THE_END = ANEW + revocation_list.NEXT_UPDATE


def lists_ask_due(*, now: datetime) -> None:
    """Request a list for each root in force that has none from the last 24 hours."""
    for root in roots_in_force():
        newest = root.revocation_lists.signed().first()
        if newest is None or not timedelta(0) <= now - newest.this_update < ANEW:
            list_ask(root=root, now=now)


def lists_wait(*, longer_than: timedelta, now: datetime) -> bool:
    """Whether a requested list has waited for its signature for longer than this."""
    return Job.objects.unfinished().filter(waits_too_long("created_at", now, longer_than), task=TASK).exists()


@handles(TASK)
def list_advance(*, job: Job) -> None:
    """Sign the next list, if the root is still in force. Runs in a worker."""
    root, now = Certificate.objects.get(pk=job.subject), timezone.now()
    if root.status == CertificateStatus.ISSUED:
        list_issue(root=root, now=now)
    job_finish(job=job, outcome=Job.Outcome.DONE, now=timezone.now())


def list_issue(*, root: Certificate, now: datetime) -> RevocationList:
    """Record the number, then sign. Raises: ZoneBroken, PKIError, IntegrityError if another worker takes the number."""
    issuer, last = issuer_of(root), root.revocation_lists.first()
    with transaction.atomic(durable=True):
        row = RevocationList.objects.create(
            root=root, number=revocation_list.list_number(last.number if last else 0, now), this_update=now, next_update=now + revocation_list.NEXT_UPDATE
        )  # fmt: skip
    revoked = Certificate.objects.filter(issuer=root, status=CertificateStatus.REVOKED, not_after__gte=now - AFTER_THE_END)
    entries = [
        # Certificates revoked earlier may lack this time. The date of an entry must not change.
        Entry(
            int(certificate.serial, 16),
            certificate.revoked_at or certificate.created_at,
            RevocationCode(certificate.revocation_code or "unspecified"),
        )
        for certificate in revoked
    ]
    row.der = revocation_list.list_sign(root.x509(), issuer.private_key, number=row.number, entries=entries, now=now)
    with transaction.atomic():
        row.save(update_fields=["der"])
        detail = {"number": row.number, "entries": len(entries), "sha256": verify.fingerprint(bytes(row.der))}
        record(actor=SYSTEM, action="revocation_list.issued", target=root, detail=detail, now=now)
        kept = root.revocation_lists.values_list("pk", flat=True)[:KEPT]
        root.revocation_lists.exclude(pk__in=list(kept)).delete()
    return row


@once
def lists_newest() -> list[RevocationList]:
    """The newest list of each root in force, the newest root first. Two queries. The bytes of a list are loaded on access."""
    roots = roots_in_force()
    newest: dict[uuid.UUID, RevocationList] = {}
    for signed in RevocationList.objects.signed().filter(root__in=roots).select_related("root").defer("der", "root__der"):
        newest.setdefault(signed.root_id, signed)
    return [newest[root.pk] for root in roots if root.pk in newest]


def lists_stale(*, now: datetime) -> list[RevocationList]:
    """The newest lists of roots in force that are overdue. Nodes still use them, but they lack later revocations."""
    return [newest for newest in lists_newest() if newest.next_update < now]


def trust_in_force() -> dict[str, int]:
    """The trust of every node: for each root in force its fingerprint, and the number of its newest list, 0 if it has none."""
    numbers = {newest.root_id: newest.number for newest in lists_newest()}
    return {root.sha256: numbers.get(root.pk, 0) for root in roots_in_force()}


def trust_material() -> dict[str, list[str]]:
    """The same as PEM, for nodes, the newest root first."""
    roots = roots_in_force()
    newest = [root.revocation_lists.signed().first() for root in roots]
    return {"roots": [root.pem() for root in roots], "revocation_lists": [signed.pem() for signed in newest if signed]}
