"""The register of exports."""

import uuid
from datetime import datetime
from functools import cached_property

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from certs.states import ExportStatus
from people.roles.models import permissions_of
from pki.foreign.export import Format
from sealing.fields import EncryptedField, Readers

EXPORT_FORMATS = [(Format.WINDOWS.value, "Windows"), (Format.PEM.value, "PEM")]


class ExportQuerySet(models.QuerySet["Export"]):
    def in_use(self) -> "ExportQuerySet":
        """Exports that are not revoked."""
        return self.exclude(status=ExportStatus.REVOKED)


class Export(models.Model):
    """A service and a client certificate for one machine without an agent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    machine = models.CharField(max_length=64)
    format = models.CharField(max_length=10, choices=EXPORT_FORMATS)
    include_secrets_key = models.BooleanField(default=False, help_text="whether the service certificate contains the database key")
    include_ca = models.BooleanField(default=False)
    legacy = models.BooleanField(default=False, help_text="PFX for Windows Server 2016 and earlier")
    has_password = models.BooleanField(default=True, help_text="whether the private keys are encrypted")
    status = models.CharField(max_length=10, choices=ExportStatus.choices, default=ExportStatus.REQUESTED)
    status_reason = models.CharField(max_length=500, blank=True)
    status_since = models.DateTimeField()
    batch = models.UUIDField(db_index=True, help_text="the request that created this export")
    generation = models.PositiveIntegerField(default=1, help_text="number of the last requested generation")
    made_generation = models.PositiveIntegerField(default=0, help_text="number of the newest generation that exists; 0: none")
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    made_at = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True, db_index=True, help_text="the earliest expiry date of its certificates")
    last_seen_at = models.DateTimeField(null=True, blank=True, help_text="when its client certificate last called the node API")
    sealed_password = EncryptedField(null=True, sealed_for=Readers.CENTER)
    archive = EncryptedField(null=True, sealed_for=Readers.CENTER)
    archive_until = models.DateTimeField(null=True, blank=True)
    folder = models.CharField(max_length=500, blank=True)
    # The machine that has the folder on its disk. Only that machine replaces and removes the folder.
    folder_node = models.UUIDField(null=True, blank=True, help_text="ID of the node on the same machine")
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

    @property
    def format_words(self) -> str:
        """Its format, as people read it."""
        return f"{self.get_format_display()}, legacy" if self.legacy else self.get_format_display()

    def is_kept(self, now: datetime) -> bool:
        """Whether its files may still be downloaded. The clock decides, because the work that deletes them may be late."""
        return self.archive_until is not None and self.archive_until > now


class ExportRole(models.Model):
    """The role in which the client certificate of an export acts in the QRS-compatible API. Most exports have none."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    export = models.OneToOneField(Export, on_delete=models.CASCADE, related_name="role_row")
    role = models.CharField(max_length=20)
    addresses = models.JSONField(default=list, help_text="networks from which it may call; empty: all")
    given_at = models.DateTimeField()
    given_by = models.CharField(max_length=200)
    expires_at = models.DateTimeField(help_text="the last second in which it applies")

    def __str__(self) -> str:
        return f"{self.role} of {self.export}"

    def expired(self, now: datetime) -> bool:
        return now > self.expires_at

    @cached_property
    def permissions(self) -> frozenset[str]:
        return permissions_of(self.role)

    def has_perm(self, perm: str) -> bool:
        return perm in self.permissions

    def limit(self, permission: str) -> str:
        """Why the export may not use `permission`. "" if it may."""
        if self.has_perm(permission):
            return ""
        return f"The {self.export} has the role {self.role}, which may not do this. A RootAdmin can give it another one, on its page."
