"""The trust zone, its database key's versions, and every certificate it ever recorded."""

import uuid
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import models
from django.db.models import Q

from certs.states import CertificateStatus
from pki import lifetime
from pki.roles import Kind


class TrustZoneQuerySet(models.QuerySet["TrustZone"]):
    def current(self) -> "TrustZone | None":
        """The founded trust zone, if there is one."""
        return self.filter(founded_at__isnull=False).first()


class TrustZone(models.Model):
    """One site's certificate authority. There is one row; `founded_at` is empty until its first start is complete."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField("central host name", max_length=58)
    lifetime_months = models.PositiveSmallIntegerField(default=lifetime.DEFAULT_MONTHS)
    created_at = models.DateTimeField()
    founded_at = models.DateTimeField(null=True, blank=True)

    objects = TrustZoneQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class DatabaseKey(models.Model):
    """A version of the key of the encrypted fields. The key itself stands in service certificates only."""

    version = models.PositiveIntegerField(primary_key=True)
    key_id = models.CharField(max_length=16, unique=True)
    algorithm = models.CharField(max_length=40)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"database key version {self.version}"


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def listed(self) -> "CertificateQuerySet":
        """What was really signed and counts."""
        return self.exclude(status__in=[CertificateStatus.ISSUING, CertificateStatus.FAILED])

    def issued(self) -> "CertificateQuerySet":
        return self.filter(status=CertificateStatus.ISSUED)

    def overdue(self, now: datetime) -> "CertificateQuerySet":
        """Recorded for signing, and never signed within the lease."""
        return self.filter(status=CertificateStatus.ISSUING, lease_until__lt=now)


class Certificate(models.Model):
    """One certificate, recorded before it is signed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=[(kind.value, kind.value) for kind in Kind], db_index=True)
    role = models.CharField(max_length=10, blank=True)
    status = models.CharField(max_length=10, choices=CertificateStatus.choices, default=CertificateStatus.ISSUING)
    subject = models.CharField(max_length=120)
    subject_alternative_names = models.JSONField(default=list)
    serial = models.CharField(max_length=40, unique=True)
    sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    der = models.BinaryField(null=True)
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(db_index=True)
    key_type = models.CharField(max_length=20)
    holder_id = models.UUIDField(null=True, db_index=True)
    holder = models.CharField(max_length=120, blank=True)
    generation = models.PositiveIntegerField(default=0)
    issuer = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    sealed_private_key = models.BinaryField(null=True)
    encrypted_private_key = models.BinaryField(null=True, help_text="root only: PKCS#8 under the root passphrase")
    lease_until = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()

    objects = CertificateQuerySet.as_manager()

    class Meta:
        ordering = ["not_after", "id"]
        permissions = [("revoke_certificate", "Can revoke certificates")]
        constraints = [
            models.UniqueConstraint(
                fields=["holder_id", "kind", "generation"],
                condition=Q(status__in=["issuing", "issued"]),
                name="one_certificate_per_intent",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    def expiry_status(self, now: datetime) -> lifetime.ExpiryStatus:
        return lifetime.expiry_status(self.not_before, self.not_after, now)

    def days_left(self, now: datetime) -> int:
        return lifetime.days_left(self.not_after, now)

    def x509(self) -> x509.Certificate:
        """The signed certificate. Raises: ValueError while it is not signed."""
        if self.der is None:
            raise ValueError(f"{self} is not signed")
        return x509.load_der_x509_certificate(bytes(self.der))

    def pem(self) -> str:
        return self.x509().public_bytes(Encoding.PEM).decode()


class PooledKey(models.Model):
    """A private key made ahead, sealed while it waits. Whoever deletes the row has the key: each is used once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key_type = models.CharField(max_length=20, db_index=True)
    sealed_private_key = models.BinaryField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key_type} key made ahead"


def sealed_place(row: models.Model, column: str) -> tuple[str, str, str]:
    """Table, column and row id: what a sealed value is bound to."""
    field: Any = row._meta.get_field(column)
    return row._meta.db_table, field.column, str(row.pk)
