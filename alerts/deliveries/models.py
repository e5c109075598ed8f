"""Deliveries: what is queued for a channel, and each attempt to send it."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from alerts.alerts.models import Message
from alerts.channels.models import Channel
from alerts.states import UNDELIVERED, DeliveryState
from jobs.leases import written_ahead


class Delivery(models.Model):
    """One message to one channel, about one or several alerts. Its id is the id of the event for the receiver.

    `possible_repeat`: an earlier attempt of it may have arrived. `is_test`: somebody pressed the test button.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    title = models.CharField(max_length=300)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    possible_repeat = models.BooleanField(default=False)
    is_test = models.BooleanField(default=False)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(fields=["channel", "-created_at"], name="deliveries_of_channel"),
            models.Index(fields=["channel"], condition=Q(state__in=UNDELIVERED), name="undelivered_of_channel"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["channel"],
                condition=Q(state__in=[DeliveryState.SENDING, DeliveryState.UNKNOWN], is_test=False),
                name="one_delivery_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return self.title


class QueuedMessageQuerySet(models.QuerySet["QueuedMessage"]):
    def waiting(self) -> "QueuedMessageQuerySet":
        return self.filter(delivery=None, superseded=False)

    def due(self, now: datetime) -> "QueuedMessageQuerySet":
        """Those to deliver now. What a clock wrote that was ahead is among them."""
        return self.waiting().filter(Q(due_at__lte=now) | written_ahead("message__at", now))


class QueuedMessage(models.Model):
    """One message for one channel, once. `due_at` is later if the hours of the route begin later.

    `delivery` is the one that reports it. `superseded`: a newer message about the same alert was delivered instead.
    """

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="queued")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="queued")
    due_at = models.DateTimeField()
    delivery = models.ForeignKey(Delivery, on_delete=models.SET_NULL, null=True, blank=True, related_name="messages")
    superseded = models.BooleanField(default=False)

    objects = QueuedMessageQuerySet.as_manager()

    class Meta:
        ordering = ["message__at", "id"]
        indexes = [models.Index(fields=["channel", "due_at"], condition=Q(delivery=None, superseded=False), name="queue_of_channel")]
        constraints = [models.UniqueConstraint(fields=["message", "channel"], name="once_to_a_channel")]

    def __str__(self) -> str:
        return f"{self.message} to {self.channel}"
