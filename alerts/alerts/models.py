"""Alerts, and the messages about them."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Case, Q, Value, When

from alerts.states import AlertState, Change
from attention.needs import RANK, Severity

SEVERITIES = [(severity.value, severity.value) for severity in Severity]


CLOSED_FOR = timedelta(days=30)  # the list of alerts shows closed ones this long


class AlertQuerySet(models.QuerySet["Alert"]):
    def unclosed(self) -> "AlertQuerySet":
        return self.exclude(state=AlertState.CLOSED)

    def recent(self, now: datetime) -> "AlertQuerySet":
        """Those that are not closed, and those that were closed in the last 30 days."""
        return self.filter(Q(closed_at=None) | Q(closed_at__gte=now - CLOSED_FOR))

    def ranked(self) -> "AlertQuerySet":
        """With a column `rank`: the lower, the more severe."""
        ranks = [When(severity=severity, then=Value(rank)) for severity, rank in RANK.items()]
        return self.annotate(rank=Case(*ranks, output_field=models.IntegerField()))


class Alert(models.Model):
    """One cause that requires attention, from its first sight until it is gone.

    `code`, `subject` and `key` identify the cause. `threshold_days` is the last expiry threshold that was passed. `absent_since`: the cause is gone since then; after a
    while without it the alert is closed. `returns` counts how often the cause came back. `remind_at`: when the next reminder is due.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(max_length=80)
    subject = models.CharField(max_length=300, blank=True)
    key = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=15, choices=AlertState.choices, default=AlertState.OPEN)
    severity = models.CharField(max_length=10, choices=SEVERITIES)
    title = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    remedy = models.TextField(blank=True)
    url = models.CharField(max_length=300, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    absent_since = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    threshold_days = models.FloatField(null=True, blank=True)
    returns = models.PositiveIntegerField(default=0)
    reminders = models.PositiveIntegerField(default=0)
    remind_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)
    acknowledged_until = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    version = models.PositiveIntegerField(default=0)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "id"]
        indexes = [
            models.Index(fields=["state", "-changed_at"], name="alerts_by_state"),
            models.Index(fields=["-closed_at"], name="alerts_by_closing"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["code", "subject", "key"], condition=~Q(state=AlertState.CLOSED), name="one_unclosed_alert")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.subject}".strip()


class Message(models.Model):
    """One change of an alert, with what was known then. `routed_at`: when it was queued for the channels of its routes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.PositiveIntegerField()
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="messages")
    change = models.CharField(max_length=15, choices=Change.choices)
    at = models.DateTimeField()
    severity = models.CharField(max_length=10, choices=SEVERITIES)
    title = models.CharField(max_length=300)
    text = models.TextField(blank=True)
    remedy = models.TextField(blank=True)
    actor = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=500, blank=True)
    routed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-number"]
        indexes = [models.Index(fields=["at"], condition=Q(routed_at=None), name="messages_to_route")]
        constraints = [models.UniqueConstraint(fields=["alert", "number"], name="one_message_of_a_number")]

    def __str__(self) -> str:
        return f"{self.alert}: {self.change}"
