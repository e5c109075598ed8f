"""Renewals of nodes."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q

from nodes.states import RENEWAL_ENDED, RenewalStatus


class RenewalQuerySet(models.QuerySet["Renewal"]):
    def under_way(self) -> "RenewalQuerySet":
        return self.exclude(status__in=RENEWAL_ENDED)


class Renewal(models.Model):
    """New keys and certificates for a registered node, delivered over mutual TLS."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    node = models.ForeignKey("Node", on_delete=models.CASCADE, related_name="renewals")
    generation = models.PositiveIntegerField()
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=RenewalStatus.choices, default=RenewalStatus.REQUESTED)
    status_since = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    package = models.BinaryField(null=True)

    objects = RenewalQuerySet.as_manager()

    class Meta:
        ordering = ["-generation"]
        indexes = [
            models.Index(fields=["status", "node"], name="renewal_by_status"),
            models.Index(fields=["status", "created_at"], name="renewal_by_age"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["node"], condition=~Q(status__in=["proved", "failed"]), name="one_renewal_at_a_time"),
        ]

    @property
    def since(self) -> datetime:
        """When it got its status, or when it was created if that is unknown."""
        return self.status_since or self.created_at

    def __str__(self) -> str:
        return f"renewal {self.generation} of {self.node_id}"
