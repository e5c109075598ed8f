"""The register of names: names in use, and the nodes and exports that have them."""

import uuid

from django.db import models
from django.db.models import Q


class HolderKind(models.TextChoices):
    NODE = "node"
    EXPORT = "export"


class NameClaim(models.Model):
    """A name or address that is in use. It exists as long as it has a holder."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=253, unique=True, help_text="in lower case")
    exclusive = models.BooleanField(help_text="whether only one holder can have the name; if not, nodes can share it")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class NameHolder(models.Model):
    """A node or an export that has a name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    claim = models.ForeignKey(NameClaim, models.CASCADE, related_name="holders")
    kind = models.CharField(max_length=10, choices=HolderKind.choices)
    holder_id = models.UUIDField(db_index=True)
    exclusive = models.BooleanField(help_text="whether the holder excludes others: its host name, or the machine of an export")
    disputed = models.BooleanField(
        default=False, help_text="whether it conflicts with an earlier holder; it works until one of them is released"
    )
    since = models.DateTimeField()

    class Meta:
        ordering = ["since", "id"]
        indexes = [models.Index(fields=["claim"], condition=Q(disputed=True), name="name_holder_disputed")]
        constraints = [
            models.UniqueConstraint(fields=["claim", "kind", "holder_id"], name="name_holder_once"),
            models.UniqueConstraint(fields=["claim"], condition=Q(exclusive=True, disputed=False), name="one_exclusive_holder"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.holder_id}"
