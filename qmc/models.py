"""Tokens of API clients."""

import uuid

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """256 random bits, kept as SHA-256 alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
