"""Needs of roots and cluster certificates."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register, needs_register
from certs.certificates.attention import called, expired_need, expiring_need
from certs.certificates.issuer import issuing_root, site_certificates
from certs.models import Certificate
from certs.zone.services import zone_founded
from pki.core.lifetime import ExpiryStatus
from pki.core.roles import Kind
from sealing.errors import ZoneBroken

# Needs that follow when nothing can be issued.
LIFE = frozenset(
    {"renewal-overdue", "node-renewal-failed", "node-registration-stuck", "rotation-waits", "rotation-blocked", "revocation-list-overdue"}
)
EXPORTS = frozenset({"export-refused", "export-failed", "export-renewal-needed", "export-expiring"})
# Needs that follow from an expired root: no certificate that it issued is accepted.
OF_THE_ROOT = LIFE | EXPORTS | {
    "node-silent", "no-node-calls", "certificate-expired", "certificate-expiring", "root-rotation-due", "trust-zone-broken", "central-without-certificates",
}  # fmt: skip
NEW_ROOT = "Make a new root."

codes_register(
    {
        "root-expired": "the root certificate has expired",
        "trust-zone-broken": "nothing can be issued",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """A root or a cluster certificate expires soon, or no root can issue."""
    now = look.now
    for certificate in sorted(site_certificates(), key=lambda certificate: certificate.not_after):
        yield from _certificate(certificate, now)
    if zone_founded() is None:
        return
    try:
        issuing_root()
    except ZoneBroken as exc:
        yield zone_broken_need(exc)


def _certificate(certificate: Certificate, now: datetime) -> Iterator[Need]:
    subject, key = certificate.holder or certificate.subject, str(certificate.pk)
    if certificate.expiry_status(now) == ExpiryStatus.EXPIRING:
        yield expiring_need([certificate], subject=subject, remedy=NEW_ROOT, now=now, key=key)
    elif certificate.has_expired(now) and certificate.kind == Kind.ROOT:
        yield Need(
            "root-expired", Severity.CRITICAL, subject, f"{called([certificate])} has expired", "No certificate that it issued is accepted any more.",
            "Recreate the root; every node then gets a new password.", reverse("recreate_root"), "Recreate the root",
            certificate.not_after, explains=OF_THE_ROOT, key=key, about=frozenset({key}), by_date=True,
        )  # fmt: skip
    elif certificate.has_expired(now):
        yield expired_need([certificate], subject=subject, remedy=NEW_ROOT, key=key)


def zone_broken_need(exc: ZoneBroken) -> Need:
    """Nothing can be issued, and why."""
    return Need(
        "trust-zone-broken", Severity.CRITICAL, "central", "Nothing can be issued", str(exc), "Open the page of the root, and follow its instructions.",
        reverse("roots:show"), "Root", explains=LIFE,
    )  # fmt: skip
