"""The append-only event log. SHA-256 chains each event to the previous one."""

import uuid
from typing import Any

from django.db import models

from audit.checkpoints.models import Checkpoint as Checkpoint
from audit.checkpoints.models import CheckpointKey as CheckpointKey
from audit.checkpoints.models import Finding as Finding
from audit.retention.models import Segment as Segment
from audit.syslog.models import SyslogReceiver as SyslogReceiver


class AppendOnly(Exception):
    """Code tried to change or delete an event."""


class Outcome(models.TextChoices):
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class EventQuerySet(models.QuerySet["Event"]):
    def for_target(self, target_id: uuid.UUID) -> "EventQuerySet":
        return self.filter(target_id=target_id)

    def update(self, **kwargs: Any) -> int:
        raise AppendOnly("audit events are never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("audit events are never deleted")


class Event(models.Model):
    """One event: what happened, who did it, to which object, and in which request.

    `request_id`, `address` and `credential` are empty for work of a process. `credential` has a kind and an id (see audit.request), and is empty
    before a sign-in too.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sequence = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=80)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.DONE, db_default=Outcome.DONE)
    target_type = models.CharField(max_length=80)
    target_id = models.UUIDField()
    target_label = models.CharField(max_length=200)
    detail = models.JSONField(default=dict)
    request_id = models.CharField(max_length=40, blank=True, default="", db_default="")
    address = models.CharField(max_length=45, blank=True, default="", db_default="")
    credential = models.CharField(max_length=80, blank=True, default="", db_default="")
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    objects = EventQuerySet.as_manager()

    class Meta:
        permissions = [("view_reason", "Can read reasons: of failures, needs and events")]
        ordering = ["-sequence"]
        indexes = [
            models.Index(fields=["actor", "sequence"], name="events_of_actor"),
            models.Index(fields=["action", "sequence"], name="events_of_action"),
            models.Index(fields=["target_id", "sequence"], name="events_of_target"),
            models.Index(fields=["target_label", "sequence"], name="events_of_label"),
            models.Index(fields=["outcome", "sequence"], name="events_of_outcome"),
            models.Index(fields=["request_id", "sequence"], name="events_of_request"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action} {self.target_label}"

    @property
    def content(self) -> dict[str, Any]:
        """The event as the API and webhooks show it."""
        target = {"type": self.target_type, "id": str(self.target_id), "label": self.target_label}
        kind, _, id = self.credential.partition(" ")
        return {
            "sequence": self.sequence, "at": self.at, "actor": self.actor, "action": self.action, "outcome": self.outcome, "target": target,
            "detail": self.detail, "request_id": self.request_id, "address": self.address, "credential": {"kind": kind, "id": id} if kind else None,
        }  # fmt: skip

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("audit events are never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly("audit events are never deleted")


class Head(models.Model):
    """The end of the chain: one row, which each writer locks."""

    sequence = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="")

    def __str__(self) -> str:
        return f"head {self.sequence}"
