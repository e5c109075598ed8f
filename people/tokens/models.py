"""Tokens of API clients."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A token of 256 random bits. Only its SHA-256 digest is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True, help_text="the last second of its validity; empty: it does not expire")

    class Meta:
        db_table = "qmc_apitoken"

    def __str__(self) -> str:
        return self.name

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and now > self.expires_at
