"""The reports of nodes, and unexplained calls."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Q

from nodes.inventory.intervals import FIRST_CALL
from pki.core import clocks
from pki.exchange import kept_report

PROOF_LASTS = timedelta(hours=1)


class Observation(models.Model):
    """The last heartbeat of a node.

    The columns of `derived_columns` repeat facts of the report, so that the database finds the few nodes that need attention with an index.
    """

    node = models.OneToOneField("Node", on_delete=models.CASCADE, primary_key=True, related_name="observation")
    last_seen_at = models.DateTimeField()
    clock_offset_s = models.FloatField(default=0)
    generation = models.PositiveIntegerField(default=0)
    trusts = models.JSONField(default=list)
    revocation_lists = models.JSONField(default=dict, help_text="root → number of the revocation list that the node uses")
    installed = models.JSONField(default=dict)
    served = models.JSONField(default=dict)
    hook = models.JSONField(default=dict, help_text="the last run of the reload hook: at, exit, generation")
    listening = models.BooleanField(default=True)
    browser = models.JSONField(default=dict, help_text="revision of the browser certificate on the node, and the problem if it is not used")
    database_keys = models.JSONField(default=list, help_text="key IDs of the service certificates on the node")
    challenges = models.JSONField(default=dict, help_text="key ID → SHA-256 of the decrypted challenge")
    proved = models.JSONField(default=dict, help_text="key ID → when the node last decrypted a challenge")
    central_addresses = models.JSONField(
        default=list, help_text="addresses of the central node, as reported by the agent; empty: not reported"
    )
    central_called = models.CharField(max_length=300, blank=True, help_text="the address of the central node that the agent called last")
    cluster_challenge = models.CharField(max_length=64, blank=True, help_text="the challenge to sign with the cluster key")
    cluster_proved_at = models.DateTimeField(null=True, blank=True)
    cluster_proved_sha256 = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the cluster certificate whose key signed the challenge"
    )
    version = models.CharField(max_length=40, blank=True, help_text="version of the agent")
    system = models.CharField(max_length=100, blank=True, help_text="the operating system")
    address = models.CharField(max_length=64, blank=True, help_text="IP address of the last call")
    # docs/develop/architecture.md, *Turns*: the turn in the last answer, the turn that its caller had returned, and the generation of the last verified registration.
    turn = models.CharField(max_length=80, blank=True)
    turn_before = models.CharField(max_length=80, blank=True)
    turn_generation = models.PositiveIntegerField(default=0)
    silent_at = models.DateTimeField(db_index=True, help_text="when the node is silent, if it does not call before")
    service_sha256 = models.CharField(max_length=64, blank=True, db_index=True, help_text="SHA-256 of the installed service certificate")
    client_sha256 = models.CharField(max_length=64, blank=True, db_index=True, help_text="SHA-256 of the installed client certificate")
    cluster_sha256 = models.CharField(max_length=64, blank=True, db_index=True, help_text="SHA-256 of the installed cluster certificate")
    trust_sha256 = models.CharField(max_length=64, blank=True, db_index=True, help_text="digest of the roots and revocation lists in use")
    hook_failed = models.BooleanField(default=False)
    serves_another_since = models.DateTimeField(
        null=True, blank=True, help_text="since when a service presents a certificate that is not installed; empty: none does"
    )
    browser_not_used = models.BooleanField(
        default=False, help_text="whether the node reports why it does not use the chosen browser certificate"
    )
    browser_not_served = models.BooleanField(default=False, help_text="whether no service presents the installed browser certificate")

    class Meta:
        indexes = [
            models.Index(fields=["clock_offset_s"], name="observation_clock"),
            models.Index(fields=["version"], name="observation_version"),
            models.Index(fields=["node"], condition=Q(hook_failed=True), name="observation_hook_failed"),
            models.Index(
                fields=["serves_another_since"], condition=Q(serves_another_since__isnull=False), name="observation_serves_another"
            ),
            models.Index(fields=["cluster_proved_sha256", "cluster_proved_at"], name="observation_cluster_proof"),
            models.Index(fields=["node"], condition=Q(browser_not_used=True), name="observation_browser_unused"),
            models.Index(fields=["node"], condition=Q(browser_not_served=True), name="observation_browser_unserved"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        for name, value in derived_columns(vars(self), at=self.last_seen_at, serves_another_since=self.serves_another_since).items():
            setattr(self, name, value)
        self.silent_at = self.silent_at or self.last_seen_at + FIRST_CALL
        super().save(*args, **kwargs)

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


def proof_is_recent(proved_at: datetime, now: datetime) -> bool:
    """Whether the node needs no new challenge for this key yet."""
    return timedelta(0) <= now - proved_at < PROOF_LASTS


def trust_digest(trusts: Iterable[str], revocation_lists: Mapping[str, int]) -> str:
    """A digest of the roots that a node trusts and the numbers of the revocation lists that it uses."""
    return hashlib.sha256(json.dumps([sorted(trusts), sorted(revocation_lists.items())]).encode()).hexdigest()


def derived_columns(report: Mapping[str, Any], *, at: datetime, serves_another_since: datetime | None) -> dict[str, Any]:
    """The derived columns for the fields of a report that came `at` that time. The last parameter is the value from before."""
    installed, code = report["installed"], (report["hook"] or {}).get("exit")
    served = {name: sha256 for name, sha256 in report["served"].items() if sha256 and (name != "service" or report["listening"])}
    watched = [sha256 for name, sha256 in served.items() if name != "service"]
    is_unserved = "browser" in installed and bool(watched) and installed["browser"] not in watched
    serves_another = not set(served.values()) <= set(installed.values())
    return {
        **{f"{kind}_sha256": installed.get(kind) or "" for kind in ("service", "client", "cluster")},
        "trust_sha256": trust_digest(report["trusts"], report["revocation_lists"]),
        "hook_failed": code not in (0, None),
        "serves_another_since": (serves_another_since or at) if serves_another else None,
        "browser_not_used": bool(report["browser"].get("problem")),
        "browser_not_served": is_unserved,
    }


def derived(*_: object, **__: object) -> dict[str, Any]:
    """No columns: the landed migration nodes/0011 asks for them here, with columns that rows no longer have. nodes/0019 writes all of them."""
    return {}


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
    generation = models.PositiveIntegerField(default=0, help_text="generation that the caller reported")
    address = models.CharField(max_length=64, help_text="IP address of the last of these calls")
    other_address = models.CharField(max_length=64, blank=True, help_text="IP address of the call before the last one")
    other_at = models.DateTimeField(null=True, blank=True)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["first_at", "key"]

    def __str__(self) -> str:
        return f"{self.node or self.address} {self.get_kind_display()}"
