"""The tables of checkpoints: the key, what it has signed, and what was found when the log was verified."""

import uuid

from django.db import models

GAP_ACCEPTED = "audit.gap_accepted"  # the action of an event


class CheckpointKey(models.Model):
    """The key that signs the checkpoints of a trust zone. There is one row, made with the first checkpoint."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    zone = models.UUIDField(unique=True)
    public_key = models.TextField(help_text="SubjectPublicKeyInfo in PEM")
    private_key = models.BinaryField(null=True, help_text="PKCS #8, encrypted with the root passphrase")
    created_at = models.DateTimeField()

    class Meta:
        permissions = [("accept_gap", "Can accept a gap of the audit log")]

    def __str__(self) -> str:
        return "the audit log's checkpoints"


class CheckpointQuerySet(models.QuerySet["Checkpoint"]):
    def signed(self) -> "CheckpointQuerySet":
        """In the order of their numbers, without one that waits for its signature."""
        return self.exclude(line="").order_by("number")


class Checkpoint(models.Model):
    """A copy of one line of the file, for pages, the API and exports. `line` is empty until it is signed."""

    number = models.PositiveBigIntegerField(primary_key=True)
    sequence = models.PositiveBigIntegerField(db_index=True, help_text="the last event")
    digest = models.CharField(max_length=64, blank=True, help_text="of this event")
    at = models.DateTimeField()
    line = models.TextField(blank=True)

    objects = CheckpointQuerySet.as_manager()

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class Finding(models.Model):
    """What the last look found: a worker's before it signs, or that of `verify_audit`. A look without findings deletes those of its kind."""

    class Look(models.TextChoices):
        NEW = "new"
        WHOLE = "whole"

    look = models.CharField(max_length=10, choices=Look.choices)
    kind = models.CharField(max_length=20, help_text="a `FindingKind`")
    first = models.PositiveBigIntegerField()
    last = models.PositiveBigIntegerField()
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["look", "first", "pk"]

    def __str__(self) -> str:
        return self.text
