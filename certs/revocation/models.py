"""Revocation lists."""

import uuid

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import models


class RevocationListQuerySet(models.QuerySet["RevocationList"]):
    def signed(self) -> "RevocationListQuerySet":
        return self.exclude(der=None)

    def newest_of(self, root: uuid.UUID) -> "RevocationListQuerySet":
        """The list of this root that nodes use. At most one."""
        return self.signed().filter(root=root)[:1]


class RevocationList(models.Model):
    """One numbered list of a root's revoked certificates, recorded before it is signed (RFC 5280, section 5)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    root = models.ForeignKey("Certificate", on_delete=models.PROTECT, related_name="revocation_lists")
    number = models.BigIntegerField()
    this_update = models.DateTimeField()
    next_update = models.DateTimeField()
    der = models.BinaryField(null=True)

    objects = RevocationListQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["root", "number"], name="crl_number_once")]

    def __str__(self) -> str:
        return f"revocation list {self.number} of {self.root}"

    @property
    def entries(self) -> int:
        """The number of certificates in it."""
        return len(x509.load_der_x509_crl(bytes(self.der or b"")))

    def pem(self) -> str:
        """The signed list. Raises: ValueError before it is signed."""
        if self.der is None:
            raise ValueError(f"{self} is not signed")
        return x509.load_der_x509_crl(bytes(self.der)).public_bytes(Encoding.PEM).decode()
