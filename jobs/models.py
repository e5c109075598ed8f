"""Jobs, and the state of periodic work."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from jobs.leases import JOB_LEASE, lease_expired, written_ahead

FARTHEST = timedelta(minutes=5)  # the longest delay of a job


def _due(now: datetime) -> Q:
    return lease_expired(now, JOB_LEASE) & (Q(next_attempt_at__lte=now) | written_ahead("next_attempt_at", now + FARTHEST))


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.filter(outcome="")

    def due(self, now: datetime) -> "JobQuerySet":
        """Unfinished jobs that are due and that no worker holds."""
        return self.unfinished().filter(_due(now))

    def finished(self, outcome: str) -> "JobQuerySet":
        """Jobs that finished so, by the index of the finished ones."""
        return self.filter(outcome=outcome, finished_at__isnull=False)

    def waiting(self) -> "JobQuerySet":
        """Unfinished jobs that no worker has begun."""
        return self.unfinished().filter(claims=0)

    def running(self) -> "JobQuerySet":
        """Unfinished jobs that a worker has begun. Between two steps, no worker holds them."""
        return self.unfinished().filter(claims__gt=0)

    def pressing(self, now: datetime) -> "JobQuerySet":
        """Jobs that are due or held by a worker. Low-priority work waits for them."""
        return self.unfinished().filter(_due(now) | ~lease_expired(now, JOB_LEASE))


class Job(models.Model):
    """Long work on one subject. `task` is the name of the handler that advances it.

    `progress` is its current step in words. `done` of `total` is the finished share, where it is known.

    `turn` is the job's place in the queue of its actor when it was made. Workers take the lowest turn first, so that the
    two hundred jobs of one actor do not delay the single job of another.
    """

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
    turn = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    claims = models.PositiveIntegerField(default=0)
    nudged_at = models.DateTimeField(null=True, blank=True)
    progress = models.CharField(max_length=300, blank=True)
    done = models.PositiveIntegerField(null=True, blank=True)
    total = models.PositiveIntegerField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["turn", "next_attempt_at"], condition=Q(outcome=""), name="unfinished_in_line"),
            models.Index(fields=["actor"], condition=Q(outcome=""), name="unfinished_of_actor"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="finished_by_age"),
            models.Index(fields=["created_at", "id"], name="jobs_by_age"),
            models.Index(fields=["created_at", "id"], condition=Q(outcome=""), name="unfinished_by_age"),
            models.Index(fields=["outcome", "created_at"], condition=Q(finished_at__isnull=False), name="jobs_by_outcome"),
            models.Index(fields=["task", "created_at"], name="jobs_by_kind"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["task", "subject"], condition=Q(outcome=""), name="one_unfinished_job"),
        ]

    def __str__(self) -> str:
        return self.title


class JobStep(models.Model):
    """A line in the log of a job: a step that it began, at most MOST_STEPS for each job."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="steps")
    at = models.DateTimeField()
    text = models.CharField(max_length=300)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text


class PeriodicWork(models.Model):
    """One kind of periodic work: its lease, and when it last succeeded."""

    name = models.CharField(primary_key=True, max_length=80)
    lease_until = models.DateTimeField()
    last_success = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return self.name
