"""The life of a certificate: one table."""

from django.db.models import TextChoices


class CertificateStatus(TextChoices):
    ISSUING = "issuing"
    ISSUED = "issued"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    FAILED = "failed"


TRANSITIONS: dict[CertificateStatus, frozenset[CertificateStatus]] = {
    CertificateStatus.ISSUING: frozenset({CertificateStatus.ISSUED, CertificateStatus.FAILED}),
    CertificateStatus.ISSUED: frozenset({CertificateStatus.SUPERSEDED, CertificateStatus.REVOKED, CertificateStatus.FAILED}),
    CertificateStatus.SUPERSEDED: frozenset({CertificateStatus.REVOKED}),
    CertificateStatus.REVOKED: frozenset(),
    CertificateStatus.FAILED: frozenset(),
}
