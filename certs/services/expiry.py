"""Everything that expires, for the board and for dashboards."""

from datetime import datetime
from typing import Any

from certs.models import Certificate
from certs.states import CertificateStatus

# Upper border of each bucket in days left; what lies beyond the last is "later".
BUCKETS = (("expired", 0), ("7_days", 7), ("30_days", 30), ("90_days", 90), ("1_year", 365))


def bucket(certificate: Certificate, now: datetime) -> str:
    if certificate.not_after < now:
        return "expired"
    days = certificate.days_left(now)
    return next((name for name, border in BUCKETS[1:] if days < border), "later")


def expiry_board(*, now: datetime) -> dict[str, Any]:
    """Every certificate in force with its end, soonest first, and how many end in each bucket."""
    totals = dict.fromkeys([*(name for name, _ in BUCKETS), "later"], 0)
    results = []
    for certificate in Certificate.objects.filter(status=CertificateStatus.ISSUED).order_by("not_after", "id"):
        totals[bucket(certificate, now)] += 1
        results.append(
            {
                "id": str(certificate.pk),
                "kind": certificate.kind,
                "subject": certificate.subject,
                "holder": certificate.holder,
                "not_after": certificate.not_after,
                "days_left": certificate.days_left(now),
                "expiry_status": certificate.expiry_status(now).value,
            }
        )
    return {"results": results, "totals": totals}
