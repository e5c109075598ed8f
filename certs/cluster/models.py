"""Deployments that accept tokens of the cluster key."""

import uuid

from django.db import models
from django.db.models.functions import Lower


class Deployment(models.Model):
    """A multi-cloud deployment that apps are distributed to. It accepts tokens for its audience that the site's cluster key signed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    api_address = models.CharField("API address", max_length=500)
    audience = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "id"]
        permissions = [("sign_token", "Can make test tokens for deployments")]
        constraints = [models.UniqueConstraint(Lower("name"), name="deployment_name_once")]

    def __str__(self) -> str:
        return self.name
