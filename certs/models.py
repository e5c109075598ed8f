"""The trust zone, its database key's versions, every certificate it ever recorded, the register of exports, and the deployments that believe its
cluster key."""

import uuid
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from certs.fields import EncryptedField, Readers
from certs.states import LIVE, CentralKeyStatus, CertificateStatus, DatabaseKeyStatus, ExportStatus
from jobs.models import written_ahead
from pki import database_key, lifetime
from pki.export import Format
from pki.manual_configuration import AppDistribution, Installation
from pki.revocation import RevocationCode
from pki.roles import Kind

SIGNING_LEASE = timedelta(seconds=120)


class TrustZoneQuerySet(models.QuerySet["TrustZone"]):
    def current(self) -> "TrustZone | None":
        """The founded trust zone, if there is one."""
        return self.filter(founded_at__isnull=False).first()


class TrustZone(models.Model):
    """One site's certificate authority. There is one row; `founded_at` is empty until its first start is complete."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField("central host name", max_length=58)
    lifetime_months = models.PositiveSmallIntegerField(default=lifetime.DEFAULT_MONTHS)
    database_key_oid = models.CharField(max_length=64, default=database_key.PRESCRIBED.key.dotted_string)
    database_key_algorithm_oid = models.CharField(max_length=64, default=database_key.PRESCRIBED.algorithm.dotted_string)
    created_at = models.DateTimeField()
    founded_at = models.DateTimeField(null=True, blank=True)
    rotates_by_itself = models.BooleanField(default=True, help_text="replace the root at half its life")
    # What decides whether the cluster certificate must be configured by hand (S7).
    installation = models.CharField(max_length=10, choices=[(each.value, each.value) for each in Installation], default=Installation.NEW)
    upgraded_from = models.CharField(max_length=20, blank=True)
    release = models.CharField(max_length=20, blank=True)
    app_distribution = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in AppDistribution], default=AppDistribution.NONE
    )

    # Where the center is (docs/develop/architecture.md): nodes.services.addresses writes it, and the environment overrides each.
    node_api_addresses = models.JSONField(default=list, help_text="ADDRESS:PORT each; empty: what the central node's row says")
    addresses_chosen = models.BooleanField(default=False, help_text="by a person: `up` does not change them")
    base_url = models.CharField(max_length=300, blank=True)
    allowed_hosts = models.JSONField(default=list)
    trusted_origins = models.JSONField(default=list)

    objects = TrustZoneQuerySet.as_manager()

    class Meta:
        permissions = [
            ("rotate_root", "Can replace the root certificate while everything runs"),
            ("recreate_root", "Can recreate the root certificate after a disaster"),
            ("export_cluster", "Can download the cluster certificate with its private key"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def database_key_oids(self) -> database_key.Oids:
        return database_key.Oids.parse(self.database_key_oid, self.database_key_algorithm_oid)


class DatabaseKeyQuerySet(models.QuerySet["DatabaseKey"]):
    def live(self) -> "DatabaseKeyQuerySet":
        """What values are, or soon will be, sealed with; the newest first."""
        return self.filter(status__in=LIVE).order_by("-version")

    def writing(self) -> "DatabaseKey | None":
        """The version that seals new values; None until the trust zone is founded."""
        return self.filter(status=DatabaseKeyStatus.WRITING).first()


class DatabaseKey(models.Model):
    """A version of the key of the encrypted fields. The key itself stands in service certificates only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.PositiveIntegerField(unique=True)
    status = models.CharField(max_length=10, choices=DatabaseKeyStatus.choices, default=DatabaseKeyStatus.PREPARED)
    key_id = models.CharField(max_length=16, null=True, unique=True)  # null while it is not made yet
    algorithm = models.CharField(max_length=40)
    created_at = models.DateTimeField()
    status_since = models.DateTimeField()

    objects = DatabaseKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-version"]
        permissions = [("rotate_databasekey", "Can rotate the database key")]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="writing"), name="one_key_writes"),
        ]

    def __str__(self) -> str:
        return f"database key version {self.version}"


class CentralKeyQuerySet(models.QuerySet["CentralKey"]):
    def live(self) -> "CentralKeyQuerySet":
        """The versions that values are, or may be, sealed with; the newest first."""
        return self.exclude(status=CentralKeyStatus.RETIRED)

    def writing(self) -> "CentralKey | None":
        """The version that seals new values; None until `init` has made the first one."""
        return self.filter(status=CentralKeyStatus.WRITING).first()

    def ever_finished(self) -> bool:
        """Whether every value for the center was once sealed with a central key: since then none is sealed with a database key."""
        return self.exclude(finished_at=None).exists()


class CentralKey(models.Model):
    """A version of the central key. The key itself is in the central key file, and nowhere in the database."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.PositiveIntegerField(unique=True)
    status = models.CharField(max_length=10, choices=CentralKeyStatus.choices, default=CentralKeyStatus.WRITING)
    key_id = models.CharField(max_length=16, unique=True)
    created_at = models.DateTimeField()
    status_since = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True, help_text="since when every value is sealed with it")
    finished_at = models.DateTimeField(null=True, blank=True, help_text="when the keys before it were dropped")
    problem = models.CharField(max_length=500, blank=True, help_text="why sealing anew does not go on")
    unreadable = models.JSONField(default=list, help_text="values that do not open, in words")

    objects = CentralKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="writing"), name="one_central_key_writes"),
        ]

    def __str__(self) -> str:
        return f"central key version {self.version}"


class Rotation(models.Model):
    """That somebody asked for a new database key or root, and whether it is paused. Its phase is read off what it rotates."""

    class Kind(models.TextChoices):
        DATABASE_KEY = "database-key"
        ROOT = "root"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    to_version = models.PositiveIntegerField(help_text="of the database key, or the number of the root")
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    paused = models.BooleanField(default=False)
    problem = models.CharField(max_length=500, blank=True, help_text="why it does not go on")
    unreadable = models.JSONField(default=list, help_text="values that do not open, in words")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="since when nothing is left to do in this phase")
    # True until it has finished, then null: at most one rotation of any kind is under way.
    under_way = models.BooleanField(null=True, default=True, unique=True)
    # Of a root: from which to which (null until it is made), and since when the new one issues.
    from_root = models.ForeignKey("Certificate", null=True, on_delete=models.PROTECT, related_name="rotated_from")
    to_root = models.ForeignKey("Certificate", null=True, on_delete=models.PROTECT, related_name="rotated_to")
    switched_at = models.DateTimeField(null=True, blank=True)
    rolled_back = models.BooleanField(default=False, help_text="the two roots have changed places")
    keeps_for_exports = models.BooleanField(default=True, help_text="the root that goes stays until exports are renewed or revoked")
    excluded = models.JSONField(default=list, help_text="nodes that are not waited for: id, name, reason, actor, at")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"rotation to {self.get_kind_display().lower()} {'version ' if self.kind == self.Kind.DATABASE_KEY else ''}{self.to_version}"


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def listed(self) -> "CertificateQuerySet":
        """What was really signed and counts."""
        return self.exclude(status__in=[CertificateStatus.ISSUING, CertificateStatus.FAILED])

    def issued(self) -> "CertificateQuerySet":
        return self.filter(status=CertificateStatus.ISSUED)

    def accepted(self) -> "CertificateQuerySet":
        """What its holder may still present: in force, or replaced by a newer one."""
        return self.filter(status__in=[CertificateStatus.ISSUED, CertificateStatus.SUPERSEDED])

    def besides_exports(self) -> "CertificateQuerySet":
        """Without those that were made for exports: nothing renews these by itself."""
        return self.exclude(holder_id__in=Export.objects.values("pk"))

    def overdue(self, now: datetime) -> "CertificateQuerySet":
        """Recorded for signing, and never signed within the lease, or leased by a clock that was ahead."""
        is_over = Q(lease_until__lt=now) | written_ahead("lease_until", now + SIGNING_LEASE)
        return self.filter(is_over, status=CertificateStatus.ISSUING)


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
    database_key_version = models.PositiveIntegerField(default=0, help_text="which key a service certificate carries")
    sealed_private_key = EncryptedField(null=True, sealed_for=Readers.CENTER)
    encrypted_private_key = models.BinaryField(null=True, help_text="root only: PKCS#8 under the root passphrase")
    lease_until = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revocation_code = models.CharField(max_length=24, choices=[(code.value, code.label) for code in RevocationCode], blank=True)
    created_at = models.DateTimeField()

    objects = CertificateQuerySet.as_manager()

    class Meta:
        ordering = ["not_after", "id"]
        permissions = [("revoke_certificate", "Can revoke certificates")]
        constraints = [
            models.UniqueConstraint(
                fields=["holder_id", "kind", "generation", "database_key_version"],
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


class RevocationListQuerySet(models.QuerySet["RevocationList"]):
    def signed(self) -> "RevocationListQuerySet":
        return self.exclude(der=None)

    def newest_of(self, root: uuid.UUID) -> "RevocationListQuerySet":
        """At most one: what nodes honour of this root."""
        return self.signed().filter(root=root)[:1]


class RevocationList(models.Model):
    """One numbered list of a root's revoked certificates, recorded before it is signed (RFC 5280, section 5)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    root = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="revocation_lists")
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
        """How many certificates it names."""
        return len(x509.load_der_x509_crl(bytes(self.der or b"")))

    def pem(self) -> str:
        """Raises: ValueError while it is not signed."""
        if self.der is None:
            raise ValueError(f"{self} is not signed")
        return x509.load_der_x509_crl(bytes(self.der)).public_bytes(Encoding.PEM).decode()


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def searched(self, text: str) -> "DeploymentQuerySet":
        return self.filter(Q(name__icontains=text) | Q(api_address__icontains=text) | Q(audience__icontains=text))


class Deployment(models.Model):
    """A multi-cloud deployment that apps are distributed to: it believes what the site's cluster key signs for its audience."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    api_address = models.CharField("API address", max_length=500)
    audience = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        permissions = [("sign_token", "Can make test tokens for deployments")]
        constraints = [models.UniqueConstraint(Lower("name"), name="deployment_name_once")]

    def __str__(self) -> str:
        return self.name


class PooledKey(models.Model):
    """A private key made ahead, sealed while it waits. Whoever deletes the row has the key: each is used once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key_type = models.CharField(max_length=20, db_index=True)
    sealed_private_key = EncryptedField(sealed_for=Readers.CENTER)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key_type} key made ahead"


EXPORT_FORMATS = [(Format.WINDOWS.value, "Windows"), (Format.PEM.value, "PEM")]


class ExportQuerySet(models.QuerySet["Export"]):
    def in_use(self) -> "ExportQuerySet":
        """Whoever has one may go on using it."""
        return self.exclude(status=ExportStatus.REVOKED)

    def searched(self, text: str) -> "ExportQuerySet":
        return self.filter(Q(machine__icontains=text) | Q(actor__icontains=text))


class Export(models.Model):
    """A service and a client certificate for one machine that no agent serves: who holds what, made by whom, until when."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    machine = models.CharField(max_length=64)
    format = models.CharField(max_length=10, choices=EXPORT_FORMATS)
    include_secrets_key = models.BooleanField(default=False, help_text="its service certificate carries the database key")
    include_ca = models.BooleanField(default=False)
    legacy = models.BooleanField(default=False, help_text="PFX for Windows Server 2016 and earlier")
    has_password = models.BooleanField(default=True, help_text="whether its private keys are encrypted")
    status = models.CharField(max_length=10, choices=ExportStatus.choices, default=ExportStatus.REQUESTED)
    status_reason = models.CharField(max_length=500, blank=True)
    status_since = models.DateTimeField()
    batch = models.UUIDField(db_index=True, help_text="what was asked for at once")
    generation = models.PositiveIntegerField(default=1, help_text="the one asked for last")
    made_generation = models.PositiveIntegerField(default=0, help_text="the newest that was made; 0: none")
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True, db_index=True, help_text="the first end of what it holds")
    last_seen_at = models.DateTimeField(null=True, blank=True, help_text="when its client certificate was last presented on 4242")
    sealed_password = EncryptedField(null=True, sealed_for=Readers.CENTER)
    archive = EncryptedField(null=True, sealed_for=Readers.CENTER)
    archive_until = models.DateTimeField(null=True, blank=True)
    folder = models.CharField(max_length=500, blank=True)
    # Which machine's disk it lies on: that machine alone replaces and removes it.
    folder_node = models.UUIDField(null=True, blank=True, help_text="the node that the machine is")
    folder_host = models.CharField(max_length=64, blank=True)
    folder_generation = models.PositiveIntegerField(default=0)
    folder_problem = models.CharField(max_length=500, blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["machine", "-created_at", "id"]
        permissions = [
            ("renew_export", "Can renew exports"),
            ("revoke_export", "Can revoke exports"),
            ("download_export", "Can download exports"),
        ]
        constraints = [models.UniqueConstraint(Lower("machine"), condition=~Q(status="revoked"), name="one_export_per_machine")]

    def __str__(self) -> str:
        return f"export {self.machine}"

    def is_kept(self, now: datetime) -> bool:
        """Whether its files may still be fetched; whatever was to wipe them may stand still."""
        return self.archive_until is not None and self.archive_until > now
