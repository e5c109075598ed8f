"""One action on many rows: the work, and its items."""

import uuid
from collections import Counter
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Count, Q

from bulk.states import UNDER_WAY, ItemState, WorkState
from people.models import ApiToken
from sealing.fields import EncryptedField, Readers


class BulkWork(models.Model):
    """One action that a person began on many rows.

    `account` and `token` decide, before each batch, whether the person may still do it. `actor` is their name in the audit log.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(max_length=80, help_text="the name of the action, which never changes")
    title = models.CharField(max_length=200)
    parameters = models.JSONField(default=dict, help_text="what the person chose; never a secret")
    state = models.CharField(max_length=12, choices=WorkState.choices, default=WorkState.RUNNING)
    account = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    token = models.ForeignKey(ApiToken, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    actor = models.CharField(max_length=200)
    request = models.UUIDField(unique=True, help_text="ID of the request; a repeated request finds the work")
    total = models.PositiveIntegerField(help_text="the number of its items")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    secrets_until = models.DateTimeField(
        null=True, blank=True, help_text="when the secrets of its items are deleted; empty if there are none"
    )

    class Meta:
        ordering = ["-created_at", "id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="bulk_by_age"),
            models.Index(fields=["secrets_until"], condition=Q(secrets_until__isnull=False), name="bulk_secrets_to_wipe"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    def counts(self) -> Counter[str]:
        """The number of its items in each state. One query of an index."""
        return Counter(dict(self.items.order_by().values_list("state").annotate(Count("pk"))))


class BulkItemQuerySet(models.QuerySet["BulkItem"]):
    def waiting(self) -> "BulkItemQuerySet":
        return self.filter(state=ItemState.WAITING)


class BulkItem(models.Model):
    """One row of the work. `subject` is the object, if it exists before the action; `payload` has what else the action needs, never a secret."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    work = models.ForeignKey(BulkWork, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveIntegerField(help_text="its place in the work, from 1; of a file, the number of its line")
    subject = models.UUIDField(null=True, blank=True)
    label = models.CharField(max_length=200)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=ItemState.choices, default=ItemState.WAITING)
    text = models.CharField(max_length=1000, blank=True, help_text="the result, or why it was not done")
    ended_at = models.DateTimeField(null=True, blank=True)
    sealed_secret = EncryptedField(null=True, sealed_for=Readers.CENTER)

    ahead: Any = None  # what the action did ahead for this row; not stored

    objects = BulkItemQuerySet.as_manager()

    class Meta:
        ordering = ["work", "number"]
        default_permissions = ()
        indexes = [models.Index(fields=["work", "state", "number"], name="bulk_items_by_state")]
        constraints = [models.UniqueConstraint(fields=["work", "number"], name="bulk_item_once")]

    def __str__(self) -> str:
        return self.label
