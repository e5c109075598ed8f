"""Receivers of the audit log."""

import uuid

from django.db import models

PORT = 6514  # RFC 5425, section 4.1


class SyslogReceiver(models.Model):
    """A syslog server that gets every event and every checkpoint. `sequence` and `checkpoint` are the last ones that it has taken, and `digest` is that of
    the event; empty if it begins with the first event."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100, unique=True)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(default=PORT)
    ca = models.TextField(blank=True, help_text="certificates in PEM of private CAs; public CAs are trusted too")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    sequence = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    checkpoint = models.PositiveBigIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return self.name
