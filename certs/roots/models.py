"""Rotations of the root and of the database key."""

import uuid

from django.db import models


class Rotation(models.Model):
    """A requested rotation to a new database key or root, and whether it is paused. Its phase follows from the state of the key or root."""

    class Kind(models.TextChoices):
        DATABASE_KEY = "database-key"
        ROOT = "root"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    to_version = models.PositiveIntegerField(help_text="version of the new database key, or number of the new root")
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    paused = models.BooleanField(default=False)
    problem = models.CharField(max_length=500, blank=True, help_text="why the rotation cannot continue")
    unreadable = models.JSONField(default=list, help_text="descriptions of the values that cannot be decrypted")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="when the work of this phase was complete")
    # True until it has finished, then null, so that at most one rotation of any kind is in progress.
    under_way = models.BooleanField(null=True, default=True, unique=True)
    # Of a root: the old and the new root (null until it is made), and when the new root began to issue.
    from_root = models.ForeignKey("Certificate", null=True, on_delete=models.PROTECT, related_name="rotated_from")
    to_root = models.ForeignKey("Certificate", null=True, on_delete=models.PROTECT, related_name="rotated_to")
    switched_at = models.DateTimeField(null=True, blank=True)
    rolled_back = models.BooleanField(default=False, help_text="whether the rotation was rolled back to the old root")
    keeps_for_exports = models.BooleanField(default=True, help_text="whether the old root is kept until every export is renewed or revoked")
    excluded = models.JSONField(default=list, help_text="nodes that the rotation does not wait for: id, name, reason, actor, at")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"rotation to {self.get_kind_display().lower()} {'version ' if self.kind == self.Kind.DATABASE_KEY else ''}{self.to_version}"
