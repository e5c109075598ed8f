"""Nodes, their registrations and renewals, what they report, what they serve to browsers, and the data connections that they read."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from certs.fields import EncryptedField, Readers
from certs.states import CertificateStatus
from nodes.states import BrowserCertificateState, NodeState, RenewalStatus
from pki import clocks, foreign, lifetime, report
from pki.errors import PKIError
from pki.paths import Path

# Three heartbeats missed; where they come often, a restart of the agent is no silence.
SILENT_AFTER = max(3 * timedelta(seconds=settings.QMC_HEARTBEAT_S), timedelta(seconds=180))


class NodeQuerySet(models.QuerySet["Node"]):
    def present(self) -> "NodeQuerySet":
        return self.exclude(state=NodeState.DECOMMISSIONED)


class Node(models.Model):
    """One machine of the site."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64)
    host_name = models.CharField(max_length=64)
    address = models.CharField(max_length=64, blank=True)
    distribution_port = models.PositiveIntegerField(default=4444)
    node_port = models.PositiveIntegerField(default=4242)
    subject_alternative_names = models.JSONField(default=list)
    services = models.JSONField(default=list)
    state = models.CharField(max_length=20, choices=NodeState.choices, default=NodeState.CREATED, db_index=True)
    state_reason = models.CharField(max_length=500, blank=True)
    state_since = models.DateTimeField()
    generation = models.PositiveIntegerField(default=0)
    is_central = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    registered_at = models.DateTimeField(null=True, blank=True)
    setup_url = models.CharField(
        max_length=100, blank=True, help_text="where its agent says that the password is typed, on the node itself"
    )
    made_by_request = models.UUIDField(null=True, blank=True, db_index=True, help_text="of the form that created it: a repeat finds it")
    browser_thumbprint = models.CharField(max_length=64, blank=True, db_index=True, help_text="of the certificate chosen for browsers")
    browser_chosen_at = models.DateTimeField(null=True, blank=True)
    # Somebody says that he imported the cluster certificate there: a claim, until the node's own report proves it.
    cluster_ticked_at = models.DateTimeField(null=True, blank=True)
    cluster_ticked_by = models.CharField(max_length=200, blank=True)

    objects = NodeQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        permissions = [
            ("register_node", "Can register and redistribute nodes"),
            ("renew_node", "Can renew a node's certificates"),
            ("decommission_node", "Can decommission nodes"),
        ]
        constraints = [
            models.UniqueConstraint(Lower("host_name"), condition=~Q(state="decommissioned"), name="host_name_once"),
            models.UniqueConstraint(Lower("name"), condition=~Q(state="decommissioned"), name="node_name_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def dialled(self) -> str:
        """Where the node is dialled: its address where given, else its host name."""
        return self.address or self.host_name

    @property
    def observed(self) -> "Observation | None":
        try:
            return self.observation
        except Observation.DoesNotExist:
            return None

    def online(self, now: datetime) -> bool:
        seen = self.observed
        return seen is not None and now - seen.last_seen_at < SILENT_AFTER

    @property
    def calls_from(self) -> str:
        """From where the node last called, where that is not its own address; "" else, and where either is not known."""
        seen = self.observed.address if self.observed else ""
        if not seen or not self.address or ip_address(seen).is_loopback:
            return ""
        return seen if ip_address(seen) != ip_address(self.address) else ""

    @property
    def clock_offset_s(self) -> float | None:
        seen = self.observed
        return seen.clock_offset_s if seen else None


class Observation(models.Model):
    """The last heartbeat of a node."""

    node = models.OneToOneField(Node, on_delete=models.CASCADE, primary_key=True, related_name="observation")
    last_seen_at = models.DateTimeField()
    clock_offset_s = models.FloatField(default=0)
    generation = models.PositiveIntegerField(default=0)
    trusts = models.JSONField(default=list)
    revocation_lists = models.JSONField(default=dict, help_text="root → number of its list that the node honours")
    installed = models.JSONField(default=dict)
    served = models.JSONField(default=dict)
    hook = models.JSONField(default=dict, help_text="the last run of its reload hook: at, exit, generation")
    listening = models.BooleanField(default=True)
    browser = models.JSONField(default=dict, help_text="which choice of a certificate for browsers it knows, and why it is not used")
    database_keys = models.JSONField(default=list, help_text="key ids of the service pairs that it holds")
    challenges = models.JSONField(default=dict, help_text="key id → SHA-256 of what it opens if it holds the key")
    proved = models.JSONField(default=dict, help_text="key id → when it last opened a challenge")
    central_addresses = models.JSONField(
        default=list, help_text="of the central node, that it knows; empty: its agent does not report them"
    )
    central_called = models.CharField(max_length=300, blank=True, help_text="which of them it called last")
    cluster_challenge = models.CharField(max_length=64, blank=True, help_text="what it is to sign with the cluster key")
    cluster_proved_at = models.DateTimeField(null=True, blank=True)
    cluster_proved_sha256 = models.CharField(max_length=64, blank=True, help_text="with which cluster certificate's key")
    version = models.CharField(max_length=40, blank=True, help_text="of its agent")
    system = models.CharField(max_length=100, blank=True, help_text="the operating system")
    address = models.CharField(max_length=64, blank=True, help_text="from where it called")
    # docs/develop/architecture.md, *Turns*: what the last answer carried, what its caller had returned, and the generation of its last proved registration.
    turn = models.CharField(max_length=80, blank=True)
    turn_before = models.CharField(max_length=80, blank=True)
    turn_generation = models.PositiveIntegerField(default=0)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        """Rows of an older version, and of its backups, may hold what no report may say today: they are read as a report is."""
        row = super().from_db(db, field_names, values, **more)
        for name in report.KEPT.keys() & row.__dict__.keys():
            setattr(row, name, report.kept(name, getattr(row, name)))
        if "clock_offset_s" in row.__dict__:
            row.clock_offset_s = clocks.bounded(row.clock_offset_s)
        return row

    def __str__(self) -> str:
        return f"{self.node_id} at {self.last_seen_at}"


class CallerFinding(models.Model):
    """Calls that the database does not explain. One row for each node and kind, or for each certificate that is not known."""

    class Kind(models.TextChoices):
        TWO_CALLERS = "two-callers", "two machines call as this node, or it was restored"
        SUPERSEDED = "superseded", "calls with a certificate that was replaced"
        UNKNOWN = "unknown", "calls with a certificate that this database does not know"
        DATABASE_OLDER = "database-older", "returns an answer that this database does not remember"

    key = models.CharField(max_length=100, primary_key=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    node = models.ForeignKey(Node, null=True, on_delete=models.CASCADE, related_name="caller_findings")
    generation = models.PositiveIntegerField(default=0, help_text="that the caller reports")
    address = models.CharField(max_length=64, help_text="from where the last of these calls came")
    other_address = models.CharField(max_length=64, blank=True, help_text="from where the call before that one came")
    other_at = models.DateTimeField(null=True, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["first_at", "key"]

    def __str__(self) -> str:
        return f"{self.node or self.address} {self.get_kind_display()}"


class Registration(models.Model):
    """One password ceremony of a node."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="registrations")
    generation = models.PositiveIntegerField()
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    request = models.UUIDField(null=True, blank=True, db_index=True, help_text="of whoever asked: a repeat gets the same answer")
    sealed_password = EncryptedField(null=True, sealed_for=Readers.CENTER)
    sealed_at = models.DateTimeField(
        null=True, blank=True, help_text="when the package was sealed; ten minutes later the password is wiped"
    )
    package = models.BinaryField(null=True)
    digest = models.CharField(max_length=64, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    wrong_passwords = models.PositiveSmallIntegerField(default=0)
    paused_until = models.DateTimeField(null=True, blank=True, help_text="the node's setup page takes other passwords again then")

    class Meta:
        ordering = ["-generation"]
        constraints = [models.UniqueConstraint(fields=["node", "generation"], name="one_registration_per_generation")]

    def __str__(self) -> str:
        return f"registration {self.generation} of {self.node_id}"


class Renewal(models.Model):
    """New keys and certificates for a registered node, delivered inside mutual TLS."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="renewals")
    generation = models.PositiveIntegerField()
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=RenewalStatus.choices, default=RenewalStatus.REQUESTED)
    status_since = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    package = models.BinaryField(null=True)

    class Meta:
        ordering = ["-generation"]
        constraints = [
            models.UniqueConstraint(fields=["node"], condition=~Q(status__in=["proved", "failed"]), name="one_renewal_at_a_time"),
        ]

    @property
    def since(self) -> datetime:
        """Since when it has its status, as far as that is known."""
        return self.status_since or self.created_at

    def __str__(self) -> str:
        return f"renewal {self.generation} of {self.node_id}"


class ConnectionType(models.TextChoices):
    FOLDER = "folder", "Folder"
    ODBC = "odbc", "ODBC"
    POSTGRESQL = "postgresql", "PostgreSQL"
    SQLSERVER = "sqlserver", "SQL Server"
    ORACLE = "oracle", "Oracle"
    MYSQL = "mysql", "MySQL"
    REST = "rest", "REST"
    OTHER = "other", "Other"


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def searched(self, text: str) -> "ConnectionQuerySet":
        return self.filter(Q(name__icontains=text) | Q(connection_string__icontains=text) | Q(username__icontains=text))


class Connection(models.Model):
    """Where data comes from, and as whom. Every registered node reads it and opens its password itself."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    type = models.CharField(max_length=40, choices=ConnectionType.choices)
    connection_string = models.CharField(max_length=2000)
    username = models.CharField(max_length=200, blank=True)
    password = EncryptedField(null=True, sealed_for=Readers.NODES)  # bound to nodes_connection: nodes name that table when they open it
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(Lower("name"), name="connection_name_once")]

    def __str__(self) -> str:
        return self.name


class BrowserCertificateQuerySet(models.QuerySet["BrowserCertificate"]):
    def ready(self) -> "BrowserCertificateQuerySet":
        return self.filter(state=BrowserCertificateState.READY)

    def of_thumbprint(self, thumbprint: str) -> "BrowserCertificateQuerySet":
        """At most one; none for an empty thumbprint."""
        return self.ready().filter(Q(thumbprint=thumbprint) | Q(sha256=thumbprint)).exclude(sha256="")


class BrowserCertificate(models.Model):
    """A certificate of another authority for what nodes serve to browsers, with its key; or the request for one."""

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
    root = models.TextField(blank=True, help_text="PEM of the self-signed top that came along; it is not sent")
    private_key = EncryptedField(null=True, sealed_for=Readers.CENTER)
    csr = models.TextField(blank=True, help_text="PKCS #10, PEM")
    notes = models.JSONField(default=list, help_text="what was put right when the files were read")
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
        """As a certificate of the trust zone has it, for the bars of the pages."""
        return CertificateStatus.ISSUED if self.is_ready else CertificateStatus.ISSUING

    def path(self) -> Path:
        """The certificates, the leaf first, and the root that is not sent. Raises: PKIError where there is none, or one that cannot be read."""
        if not self.certificates:
            raise PKIError("No certificate is kept here.")
        return Path(tuple(foreign.from_pem(each.encode()) for each in [*self.certificates, *filter(None, [self.root])]))

    def expiry_status(self, now: datetime) -> lifetime.ExpiryStatus:
        """Raises: ValueError while it is requested."""
        if self.not_before is None or self.not_after is None:
            raise ValueError(f"{self} is not there yet")
        return lifetime.expiry_status(self.not_before, self.not_after, now)

    def days_left(self, now: datetime) -> int:
        """Raises: ValueError while it is requested."""
        if self.not_after is None:
            raise ValueError(f"{self} is not there yet")
        return lifetime.days_left(self.not_after, now)
