"""Channels: where alerts are sent."""

import uuid

from django.db import models
from django.db.models.functions import Lower

from sealing.fields import EncryptedField


class Channel(models.Model):
    """One place that alerts are sent to. `values` has the fields of its kind without the secrets, `secrets` the others as one JSON object.

    `failing_since`, `failures`, `last_error` and `next_attempt_at` are about the attempts since the last success. `state_changes` lists the kinds of objects
    whose changes of state are sent, from the audit event after `last_sequence`. While one is being sent, `sending_sequence` has its number. It can also
    list the checkpoints of the audit log: those after `last_checkpoint`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    values = models.JSONField(default=dict)
    secrets = EncryptedField(null=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    last_sent_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    state_changes = models.JSONField(default=list)
    last_sequence = models.PositiveBigIntegerField(default=0)
    sending_sequence = models.PositiveBigIntegerField(null=True, blank=True)
    last_checkpoint = models.PositiveBigIntegerField(default=0)
    sending_checkpoint = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(Lower("name"), name="channel_name_once")]

    def __str__(self) -> str:
        return self.name
