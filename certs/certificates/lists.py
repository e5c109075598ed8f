"""The list of certificates, and the format of its rows in the API and in files."""

from datetime import datetime
from typing import Any

from certs.certificates.filters import CertificateFilter
from certs.certificates.holders import holders_of
from certs.models import Certificate
from web.lists.declared import Column, List, Quick
from web.lists.registry import ListPlace, list_register

PLAIN = ("kind", "role", "subject", "subject_alternative_names", "serial", "sha256", "not_before", "not_after", "status", "holder")


def certificate_json(certificate: Certificate, now: datetime) -> dict[str, Any]:
    """A certificate in the API's format."""
    return {
        "id": str(certificate.pk),
        **{name: getattr(certificate, name) for name in PLAIN},
        "days_left": certificate.days_left(now),
        "expiry_status": certificate.expiry_status(now).value,
        "issuer": str(certificate.issuer_id) if certificate.issuer_id else None,
        "revoked_at": certificate.revoked_at,
        "revocation_code": certificate.revocation_code,
    }


class CertificateList(List):
    name = "certificates"
    model = Certificate
    noun, caption = "certificate", "Certificates"
    empty = "No certificates in force. Choose another status to see the others."
    filters = CertificateFilter
    columns = (
        Column("subject", "Certificate", "certs/certificates/cell_subject.html"),
        Column("kind", "Kind", "certs/certificates/cell_kind.html"),
        Column("holder", "Holder", "certs/certificates/cell_holder.html", sort="holder", term="holder"),
        Column("issuer", "Issuer", "certs/certificates/cell_issuer.html", term="issuer"),
        Column("not_after", "Lifetime left", "certs/certificates/cell_life.html", sort="not_after"),
        Column("status", "Status", "certs/certificates/cell_status.html"),
    )
    quick = (
        Quick("In force"), Quick("Expire within 90 days", "expiry=90"), Quick("Superseded", "status=superseded"), Quick("Revoked", "status=revoked"),
    )  # fmt: skip
    sort = "not_after"
    csv = ("id", *PLAIN, "expiry_status", "issuer", "revoked_at", "revocation_code")

    def shown(self, rows: list[Any], now: datetime) -> list[Any]:
        """With their holders and issuers, and the pages of these."""
        holders = holders_of(rows)
        issuers = {root.pk: root for root in Certificate.objects.filter(pk__in={row.issuer_id for row in rows}).only("subject")}
        for row in rows:
            row.holder_page, row.issuer_page = holders.get(row.holder_id), issuers.get(row.issuer_id)
        return rows

    def row_name(self, row: Certificate) -> str:
        return f"{row.title}, serial {row.serial[:12]}…"

    def json(self, rows: list[Certificate], now: datetime) -> list[dict[str, Any]]:
        return [certificate_json(row, now) for row in rows]


list_register(ListPlace(CertificateList, lambda now: Certificate.objects.summaries(), "certs:list", "certs.view_certificate"))
