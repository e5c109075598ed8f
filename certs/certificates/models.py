"""All recorded certificates, in every state."""

import uuid
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.apps import apps
from django.db import models
from django.db.models import Q

from certs.errors import StaleCertificate
from certs.states import CertificateStatus
from jobs.leases import SIGNING_LEASE, lease_expired
from pki.core import lifetime
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.issuing.revocation_list import RevocationCode
from sealing.fields import EncryptedField, Readers
from web.lists.indexes import ListIndex


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def listed(self) -> "CertificateQuerySet":
        """Certificates that were signed."""
        return self.exclude(status__in=[CertificateStatus.ISSUING, CertificateStatus.FAILED])

    def summaries(self) -> "CertificateQuerySet":
        """What lists show of certificates that were signed, without the certificates and keys themselves."""
        return self.listed().defer("der", "sealed_private_key", "encrypted_private_key")

    def issued(self) -> "CertificateQuerySet":
        return self.filter(status=CertificateStatus.ISSUED)

    def accepted(self) -> "CertificateQuerySet":
        """Certificates that their holders may still present: issued, or superseded by a newer one."""
        return self.filter(status__in=[CertificateStatus.ISSUED, CertificateStatus.SUPERSEDED])

    def besides_exports(self) -> "CertificateQuerySet":
        """Certificates that are not for an export. Those of exports are not renewed automatically."""
        return self.exclude(holder_id__in=apps.get_model("certs", "Export").objects.values("pk"))

    def lock(self) -> None:
        """Lock these rows until the transaction ends. A transaction that changes several of them does this before its first `audit.record`."""
        list(self.select_for_update().order_by("pk").values_list("pk"))

    def overdue(self, now: datetime) -> "CertificateQuerySet":
        """Recorded, and not signed before the lease expired."""
        return self.filter(lease_expired(now, SIGNING_LEASE), status=CertificateStatus.ISSUING)


class Certificate(models.Model):
    """One certificate, recorded before it is signed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in Kind])
    role = models.CharField(max_length=10, blank=True)
    status = models.CharField(max_length=10, choices=CertificateStatus.choices, default=CertificateStatus.ISSUING)
    subject = models.CharField(max_length=120)
    subject_alternative_names = models.JSONField(default=list)
    serial = models.CharField(max_length=40, unique=True)
    sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    der = models.BinaryField(null=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(db_index=True)
    renew_at = models.DateTimeField(null=True, blank=True, help_text="when it is due for renewal; empty for roots")
    key_type = models.CharField(max_length=20)
    holder_id = models.UUIDField(null=True, db_index=True)
    holder = models.CharField(max_length=120, blank=True)
    generation = models.PositiveIntegerField(default=0)
    issuer = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    database_key_version = models.PositiveIntegerField(default=0, help_text="version of the database key in a service certificate; 0: none")
    sealed_private_key = EncryptedField(null=True, sealed_for=Readers.CENTER)
    encrypted_private_key = models.BinaryField(null=True, help_text="root only: PKCS #8, encrypted with the root passphrase")
    lease_until = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_code = models.CharField(max_length=24, choices=[(code.value, code.label) for code in RevocationCode], blank=True)
    created_at = models.DateTimeField()

    objects = CertificateQuerySet.as_manager()

    class Meta:
        ordering = ["not_after", "id"]
        indexes = [
            models.Index(fields=["status", "kind", "renew_at", "not_after", "holder_id", "generation"], name="certificate_due_and_board"),
            models.Index(fields=["status", "not_after"], name="certificate_expiry"),
            # PostgreSQL reads the board in this order. In the index of all, the oldest certificates come first, and they are superseded.
            models.Index(fields=["not_after"], condition=Q(status="issued"), name="certificate_board"),
            models.Index(fields=["kind", "status"], name="certificate_kind"),
            models.Index(fields=["holder_id", "kind", "status", "not_after"], name="certificates_of_holder"),
            models.Index(fields=["created_at", "status"], name="certificate_made"),
            # Few certificates have one: it is deleted when the holder has the certificate.
            models.Index(fields=["id"], condition=Q(sealed_private_key__isnull=False), name="certificate_sealed"),
            ListIndex(
                fields=["not_after", "id"],
                searched=["status", "subject", "holder", "subject_alternative_names"],
                name="certificates_by_expiry",
            ),
            ListIndex(fields=["holder", "id"], searched=["status", "subject", "subject_alternative_names"], name="certificates_by_holder"),
        ]
        permissions = [("revoke_certificate", "Can revoke certificates")]
        constraints = [
            models.UniqueConstraint(
                fields=["holder_id", "kind", "generation", "database_key_version"],
                condition=Q(status__in=["issuing", "issued"]),
                name="one_certificate_per_intent",
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """Its name for people. All client certificates have the same subject, so the holder names it: Client certificate of rim07."""
        kind = Kind(self.kind)
        if kind in (Kind.SERVICE, Kind.CLIENT) and self.holder:
            return f"{kind.capitalize()} certificate of {self.holder}"
        return self.subject

    def expiry_status(self, now: datetime) -> lifetime.ExpiryStatus:
        return lifetime.expiry_status(self.not_before, self.not_after, now)

    def has_expired(self, now: datetime) -> bool:
        return self.expiry_status(now) == lifetime.ExpiryStatus.EXPIRED

    def days_left(self, now: datetime) -> int:
        return lifetime.days_left(self.not_after, now)

    def x509(self) -> x509.Certificate:
        """The signed certificate. Raises: ValueError while it is not signed."""
        if self.der is None:
            raise ValueError(f"{self} is not signed")
        return x509.load_der_x509_certificate(bytes(self.der))

    def pem(self) -> str:
        return self.x509().public_bytes(Encoding.PEM).decode()

    def pair(self) -> Pair:
        """The certificate with its private key. Raises: StaleCertificate if the row does not keep the key any more, SealError."""
        if self.sealed_private_key is None:
            raise StaleCertificate(f"{self}: another worker has used its private key")
        return Pair(self.pem().encode(), self.sealed_private_key.open())
