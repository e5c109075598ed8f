"""Segments of the log that were written to files, and can be removed from the database."""

import uuid

from django.db import models
from django.db.models import Q

from audit.retention.states import SegmentStatus


class Segment(models.Model):
    """The events `first` to `last`, in a file of the central node. `last` is the event of a checkpoint."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    first = models.PositiveBigIntegerField()
    last = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64, help_text="of the last event")
    since = models.DateTimeField(help_text="the time of the first event")
    until = models.DateTimeField(help_text="the time of the last event")
    status = models.CharField(max_length=10, choices=SegmentStatus.choices, default=SegmentStatus.WRITING)
    problem = models.TextField(blank=True, help_text="why it failed")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes of the file")
    sha256 = models.CharField(max_length=64, blank=True, help_text="of the file")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=200)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True, help_text="who decided to remove the events")
    reason = models.CharField(max_length=500, blank=True)
    checkpoint = models.PositiveBigIntegerField(null=True, help_text="the number of the checkpoint that states the removal")
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-first", "-created_at"]
        permissions = [("remove_event", "Can write old events to files and remove them")]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["first"], condition=~Q(status=SegmentStatus.FAILED), name="audit_segment_once"),
        ]

    def __str__(self) -> str:
        return f"events {self.first} to {self.last}"

    @property
    def count(self) -> int:
        """How many events it has."""
        return self.last - self.first + 1

    @property
    def file_name(self) -> str:
        return f"events-{self.first:012}-{self.last:012}.jsonl"
