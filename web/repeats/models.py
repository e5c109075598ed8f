"""Requests that had an `Idempotency-Key`."""

import uuid

from django.db import models


class KeyedState(models.TextChoices):
    """How far a request came. Each row goes down this list; docs/develop/api.md says what a repeat gets in each state."""

    BEGUN = "begun"
    CHANGED = "changed"
    ANSWERED = "answered"


class KeyedRequest(models.Model):
    """The first request with this key of one account or token. `claim` is the number of the process that answers it: a later one has taken over."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.CharField(max_length=60, help_text="the account or token that sent it")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="a digest of method, address and body, made with the secret key of the site")
    state = models.CharField(max_length=10, choices=KeyedState, default=KeyedState.BEGUN)
    claim = models.PositiveIntegerField(default=1)
    begun_at = models.DateTimeField(db_index=True)
    lease_until = models.DateTimeField(null=True)
    changed = models.CharField(max_length=400, blank=True, help_text="what it changed, for people")
    status = models.PositiveSmallIntegerField(null=True, help_text="of the answer")
    content = models.TextField(blank=True, help_text="the answer as JSON; empty if it has a secret or no content")
    headers = models.JSONField(default=dict)
    place = models.CharField(max_length=400, blank=True, help_text="the address of the thing")
    had_secret = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_request_of_a_key")]

    def __str__(self) -> str:
        return f"{self.owner} {self.key}"
