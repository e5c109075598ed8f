"""Routes: which alerts go to which channel, and when."""

import uuid

from django.db import models

from alerts.channels.models import Channel
from alerts.routes.words import sentence
from attention.needs import Severity


class Route(models.Model):
    """Alerts of at least `least_severity`, and of `codes` if it lists any, go to `channel`.

    `days` are the days of the week, 0 is Monday; an empty list means every day. `from_minute` and `until_minute` are minutes of the day in `time_zone`; both are null for the
    whole day, and the end can be on the next day. A message of another time waits until the next hours begin.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="routes")
    least_severity = models.CharField(
        max_length=10, choices=[(severity.value, severity.value) for severity in Severity], default=Severity.WARNING
    )
    codes = models.JSONField(default=list)
    days = models.JSONField(default=list)
    from_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    until_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    time_zone = models.CharField(max_length=60, default="UTC")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["channel__name", "created_at", "id"]

    def __str__(self) -> str:
        return f"route to {self.channel}"

    @property
    def sentence(self) -> str:
        """Critical alerts go to Teams on Saturday and Sunday (UTC)."""
        return sentence(self)
