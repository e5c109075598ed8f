"""Needs of certificates that expire soon. The rooms that issue them add the holder and the remedy."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register
from certs.certificates.models import CertificateQuerySet
from certs.models import Certificate
from certs.states import CertificateStatus
from pki.core import clocks
from web.words import plural

SHOWN_AHEAD = timedelta(days=90)
STATUSES = CertificateStatus.ISSUED, CertificateStatus.REVOKED

codes_register(
    {
        "certificate-expiring": "a certificate of the site expires within 90 days",
        "certificate-expired": "a certificate of the site has expired",
    }
)


# Needs of holders of certificates, whose keys are the holders.
_of_holders: set[str] = set()


def of_holders(*names: str) -> None:
    """Register needs for which `held` reads certificates."""
    _of_holders.update(names)


def held(look: Look) -> dict[uuid.UUID, list[Certificate]]:
    """The issued and revoked certificates of the holders with such needs, with their issuers, the next to expire first. One query: ask `look.shared(held)`."""
    holders = {key for name in _of_holders for key in look.keys(name)}
    rows = Certificate.objects.filter(status__in=STATUSES, holder_id__in=holders).select_related("issuer").order_by("not_after", "pk")
    found: dict[uuid.UUID, list[Certificate]] = defaultdict(list)
    for row in rows.defer("der", "sealed_private_key", "issuer__der", "issuer__encrypted_private_key") if holders else ():
        assert row.holder_id is not None
        found[row.holder_id].append(row)
    return found


def expiring_soon(now: datetime) -> CertificateQuerySet:
    """Issued certificates that expire within 90 days, the first to expire first. Certificates of exports are not among them."""
    return Certificate.objects.issued().besides_exports().filter(not_after__lt=now + SHOWN_AHEAD).defer("der", "sealed_private_key")


def expiring_need(same: Sequence[Certificate], *, subject: str, remedy: str, now: datetime, key: str = "") -> Need:
    """A need for certificates of one holder that expire soon. The next to expire comes first."""
    first, days = same[0], same[0].days_left(now)
    text = (
        f"Its expiry date is {clocks.stamp(first.not_after)}."
        if len(same) == 1
        else f"The first expires at {clocks.stamp(first.not_after)}."
    )
    severity, title = (
        Severity.CRITICAL if days < 30 else Severity.WARNING,
        f"{called(same)} {plural(len(same), 'expires', 'expire')} in {clocks.length(first.not_after - now)}",
    )
    return Need(
        "certificate-expiring", severity, subject, title, text, remedy, _page(first), "Show certificate", key=key, about=_ids(same), by_date=True
    )  # fmt: skip


def expired_need(
    same: Sequence[Certificate], *, subject: str, remedy: str, explains_own: frozenset[str] = frozenset(), key: str = ""
) -> Need:
    """A need for expired certificates of one holder. The first to expire comes first."""
    title, text = (
        f"{called(same)} {plural(len(same), 'has', 'have')} expired",
        f"{plural(len(same), 'It is', 'They are')} not accepted any more.",
    )
    return Need(
        "certificate-expired", Severity.CRITICAL, subject, title, text, remedy, _page(same[0]), "Show certificate", same[0].not_after,
        explains_own=explains_own, key=key, about=_ids(same), by_date=True,
    )  # fmt: skip


def _ids(same: Sequence[Certificate]) -> frozenset[str]:
    return frozenset(str(certificate.pk) for certificate in same)


def called(same: Sequence[Certificate]) -> str:
    """Words for the certificates of one holder, as the subject of a sentence."""
    kinds = " and ".join(sorted({certificate.kind for certificate in same}))
    return f"{same[0].holder or same[0].subject}: {kinds} {plural(len(same), 'certificate')}"


def _page(certificate: Certificate) -> str:
    return reverse("certs:detail", args=[certificate.pk])
