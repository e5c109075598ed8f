"""The reports of nodes, and unexplained calls."""

from collections.abc import Collection
from typing import Any, Self

from django.db import models

from pki.core import clocks
from pki.exchange import kept_report


class Observation(models.Model):
    """The last heartbeat of a node."""

    node = models.OneToOneField("Node", on_delete=models.CASCADE, primary_key=True, related_name="observation")
    last_seen_at = models.DateTimeField()
    clock_offset_s = models.FloatField(default=0)
    generation = models.PositiveIntegerField(default=0)
    trusts = models.JSONField(default=list)
    revocation_lists = models.JSONField(default=dict, help_text="root → number of its list that the node honours")
    installed = models.JSONField(default=dict)
    served = models.JSONField(default=dict)
    hook = models.JSONField(default=dict, help_text="the last run of its reload hook: at, exit, generation")
    listening = models.BooleanField(default=True)
    browser = models.JSONField(default=dict, help_text="which choice of a certificate for browsers it knows, and why it is not used")
    database_keys = models.JSONField(default=list, help_text="key ids of the service pairs that it holds")
    challenges = models.JSONField(default=dict, help_text="key id → SHA-256 of what it opens if it holds the key")
    proved = models.JSONField(default=dict, help_text="key id → when it last opened a challenge")
    central_addresses = models.JSONField(
        default=list, help_text="of the central node, that it knows; empty: its agent does not report them"
    )
    central_called = models.CharField(max_length=300, blank=True, help_text="which of them it called last")
    cluster_challenge = models.CharField(max_length=64, blank=True, help_text="what it is to sign with the cluster key")
    cluster_proved_at = models.DateTimeField(null=True, blank=True)
    cluster_proved_sha256 = models.CharField(max_length=64, blank=True, help_text="with which cluster certificate's key")
    version = models.CharField(max_length=40, blank=True, help_text="of its agent")
    system = models.CharField(max_length=100, blank=True, help_text="the operating system")
    address = models.CharField(max_length=64, blank=True, help_text="from where it called")
    # docs/develop/architecture.md, *Turns*: the turn in the last answer, the turn that its caller had returned, and the generation of the last verified registration.
    turn = models.CharField(max_length=80, blank=True)
    turn_before = models.CharField(max_length=80, blank=True)
    turn_generation = models.PositiveIntegerField(default=0)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        """Rows of an older version may hold values that a report may not have today, so they are read like a report."""
        row = super().from_db(db, field_names, values, **more)
        for name in kept_report.KEPT.keys() & row.__dict__.keys():
            setattr(row, name, kept_report.kept(name, getattr(row, name)))
        if "clock_offset_s" in row.__dict__:
            row.clock_offset_s = clocks.bounded(row.clock_offset_s)
        return row

    def __str__(self) -> str:
        return f"{self.node_id} at {self.last_seen_at}"


class CallerFinding(models.Model):
    """Calls that the database does not explain. One row for each node and kind, or for each unknown certificate."""

    class Kind(models.TextChoices):
        TWO_CALLERS = "two-callers", "two machines call as this node, or it was restored"
        SUPERSEDED = "superseded", "calls with a certificate that was replaced"
        UNKNOWN = "unknown", "calls with a certificate that this database does not know"
        DATABASE_OLDER = "database-older", "returns an answer that this database does not remember"

    key = models.CharField(max_length=100, primary_key=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    node = models.ForeignKey("Node", null=True, on_delete=models.CASCADE, related_name="caller_findings")
    generation = models.PositiveIntegerField(default=0, help_text="that the caller reports")
    address = models.CharField(max_length=64, help_text="from where the last of these calls came")
    other_address = models.CharField(max_length=64, blank=True, help_text="from where the call before that one came")
    other_at = models.DateTimeField(null=True, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["first_at", "key"]

    def __str__(self) -> str:
        return f"{self.node or self.address} {self.get_kind_display()}"
