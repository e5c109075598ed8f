"""Browser certificates."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from certs.states import CertificateStatus
from nodes.states import BrowserCertificateState
from pki.core import lifetime
from pki.core.errors import PKIError
from pki.foreign import read as foreign
from pki.foreign.paths import Path
from sealing.fields import EncryptedField, Readers


class BrowserCertificateQuerySet(models.QuerySet["BrowserCertificate"]):
    def ready(self) -> "BrowserCertificateQuerySet":
        return self.filter(state=BrowserCertificateState.READY)

    def of_thumbprint(self, thumbprint: str) -> "BrowserCertificateQuerySet":
        """At most one certificate; none for an empty thumbprint."""
        return self.ready().filter(Q(thumbprint=thumbprint) | Q(sha256=thumbprint)).exclude(sha256="")


class BrowserCertificate(models.Model):
    """A certificate of another authority that nodes serve to browsers, with its key; or the request for one."""

    class Source(models.TextChoices):
        UPLOADED = "uploaded", "uploaded with its key"
        REQUEST = "request", "requested here"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    source = models.CharField(max_length=10, choices=Source.choices)
    state = models.CharField(max_length=20, choices=BrowserCertificateState.choices)
    subject = models.CharField(max_length=300, blank=True)
    names = models.JSONField(default=list)
    thumbprint = models.CharField(max_length=40, blank=True, db_index=True, help_text="SHA-1, as Windows shows it")
    sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    key_type = models.CharField(max_length=20, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True, db_index=True)
    certificates = models.JSONField(default=list, help_text="PEM, the leaf first")
    root = models.TextField(blank=True, help_text="PEM of the uploaded root; TLS connections do not send it")
    private_key = EncryptedField(null=True, sealed_for=Readers.CENTER)
    csr = models.TextField(blank=True, help_text="PKCS #10, PEM")
    notes = models.JSONField(default=list, help_text="corrections made when the files were read")
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    objects = BrowserCertificateQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        permissions = [("choose_browsercertificate", "Can choose what a node serves to browsers")]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="browser_certificate_name_once"),
            models.UniqueConstraint(fields=["sha256"], condition=~Q(sha256=""), name="browser_certificate_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_ready(self) -> bool:
        return self.state == BrowserCertificateState.READY

    @property
    def status(self) -> CertificateStatus:
        """The status as a certificate of the trust zone has it, for the bars on pages."""
        return CertificateStatus.ISSUED if self.is_ready else CertificateStatus.ISSUING

    def path(self) -> Path:
        """The certificates, leaf first, and the root that is not sent. Raises: PKIError if there is none, or one is unreadable."""
        if not self.certificates:
            raise PKIError("No certificate is stored here.")
        return Path(tuple(foreign.from_pem(certificate.encode()) for certificate in [*self.certificates, *filter(None, [self.root])]))

    def expiry_status(self, now: datetime) -> lifetime.ExpiryStatus:
        """Raises: ValueError while only the request exists."""
        if self.not_before is None or self.not_after is None:
            raise ValueError(f"{self} has no certificate yet")
        return lifetime.expiry_status(self.not_before, self.not_after, now)

    def days_left(self, now: datetime) -> int:
        """Raises: ValueError while only the request exists."""
        if self.not_after is None:
            raise ValueError(f"{self} has no certificate yet")
        return lifetime.days_left(self.not_after, now)
