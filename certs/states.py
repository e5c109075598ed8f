"""The states of certificates, versions of the database key, versions of the central key, and exports: one table each."""

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


class DatabaseKeyStatus(TextChoices):
    PREPARED = "prepared"  # recorded; the central node does not have it yet
    DELIVERED = "delivered"  # the central node can use it, the other nodes are getting it
    WRITING = "writing"  # encrypts new values
    READING = "reading"  # some values are still encrypted with it
    RETIRED = "retired"


K = DatabaseKeyStatus
KEY_TRANSITIONS: dict[DatabaseKeyStatus, frozenset[DatabaseKeyStatus]] = {
    K.PREPARED: frozenset({K.DELIVERED}),
    K.DELIVERED: frozenset({K.WRITING}),
    K.WRITING: frozenset({K.READING}),
    K.READING: frozenset({K.RETIRED}),
    K.RETIRED: frozenset(),
}
LIVE = frozenset({K.DELIVERED, K.WRITING, K.READING})


class CentralKeyStatus(TextChoices):
    WRITING = "writing"  # encrypts new values
    READING = "reading"  # some values are still encrypted with it
    RETIRED = "retired"


C = CentralKeyStatus
CENTRAL_KEY_TRANSITIONS: dict[CentralKeyStatus, frozenset[CentralKeyStatus]] = {
    C.WRITING: frozenset({C.READING}),
    C.READING: frozenset({C.RETIRED}),
    C.RETIRED: frozenset(),
}


class ExportStatus(TextChoices):
    REQUESTED = "requested"  # its certificates are being made
    MADE = "made"
    FAILED = "failed"
    REVOKED = "revoked"


X = ExportStatus
EXPORT_TRANSITIONS: dict[ExportStatus, frozenset[ExportStatus]] = {
    X.REQUESTED: frozenset({X.MADE, X.FAILED, X.REVOKED}),
    X.MADE: frozenset({X.REQUESTED, X.REVOKED}),
    X.FAILED: frozenset({X.REQUESTED, X.REVOKED}),
    X.REVOKED: frozenset(),
}
