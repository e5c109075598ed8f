"""The versions of the database key."""

import uuid

from django.db import models
from django.db.models import Q

from certs.states import LIVE, DatabaseKeyStatus


class DatabaseKeyQuerySet(models.QuerySet["DatabaseKey"]):
    def live(self) -> "DatabaseKeyQuerySet":
        """The versions that encrypt values now or soon, the newest first."""
        return self.filter(status__in=LIVE).order_by("-version")

    def writing(self) -> "DatabaseKey | None":
        """The version that encrypts new values. None before `init` is complete."""
        return self.filter(status=DatabaseKeyStatus.WRITING).first()


class DatabaseKey(models.Model):
    """A version of the key that encrypts fields. The key itself is stored in service certificates only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.PositiveIntegerField(unique=True)
    status = models.CharField(max_length=10, choices=DatabaseKeyStatus.choices, default=DatabaseKeyStatus.PREPARED)
    key_id = models.CharField(max_length=16, null=True, unique=True)  # null until the key is made
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
