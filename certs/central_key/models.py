"""The versions of the central key."""

import uuid

from django.db import models
from django.db.models import Q

from certs.states import CentralKeyStatus


class CentralKeyQuerySet(models.QuerySet["CentralKey"]):
    def live(self) -> "CentralKeyQuerySet":
        """The versions that may encrypt stored values, the newest first."""
        return self.exclude(status=CentralKeyStatus.RETIRED)

    def writing(self) -> "CentralKey | None":
        """The version that encrypts new values. None until `init` has made the first one."""
        return self.filter(status=CentralKeyStatus.WRITING).first()

    def ever_finished(self) -> bool:
        """Whether all values of the central node were once encrypted with a central key. Since then, none is encrypted with a database key."""
        return self.exclude(finished_at=None).exists()


class CentralKey(models.Model):
    """A version of the central key. The key itself is only in the central key file, never in the database."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.PositiveIntegerField(unique=True)
    status = models.CharField(max_length=10, choices=CentralKeyStatus.choices, default=CentralKeyStatus.WRITING)
    key_id = models.CharField(max_length=16, unique=True)
    created_at = models.DateTimeField()
    status_since = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True, help_text="when every value was encrypted with this key")
    finished_at = models.DateTimeField(null=True, blank=True, help_text="when the earlier keys were deleted")
    problem = models.CharField(max_length=500, blank=True, help_text="why the values cannot be encrypted with this key")
    unreadable = models.JSONField(default=list, help_text="descriptions of the values that cannot be decrypted")

    objects = CentralKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="writing"), name="one_central_key_writes"),
        ]

    def __str__(self) -> str:
        return f"central key version {self.version}"
