"""What is under way: durable pieces of work, and the leases of periodic work."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.filter(outcome="")

    def due(self, now: datetime) -> "JobQuerySet":
        """Unfinished, its time has come, and nobody holds it."""
        return self.unfinished().filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now), next_attempt_at__lte=now)


class Job(models.Model):
    """One piece of long work about one subject. `task` names the service function that advances it."""

    class Outcome(models.TextChoices):
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    task = models.CharField(max_length=120)
    subject = models.UUIDField(db_index=True)
    title = models.CharField(max_length=200)
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(db_index=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    claims = models.PositiveIntegerField(default=0)
    nudged_at = models.DateTimeField(null=True, blank=True)
    progress = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=500, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["task", "subject"], condition=Q(outcome=""), name="one_unfinished_job"),
        ]

    def __str__(self) -> str:
        return self.title


class PeriodicWork(models.Model):
    """A lease on work that comes again and again, and when it last succeeded."""

    name = models.CharField(primary_key=True, max_length=80)
    lease_until = models.DateTimeField()
    last_success = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return self.name
