"""Nodes."""

import uuid
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from nodes.inventory.tags import LONGEST_NOTES, LONGEST_TAG
from nodes.states import NodeState
from pki.exchange.kept_report import KEPT

if TYPE_CHECKING:
    from nodes.models import Observation


class NodeQuerySet(models.QuerySet["Node"]):
    def present(self) -> "NodeQuerySet":
        return self.exclude(state=NodeState.DECOMMISSIONED)

    def with_report(self, *members: str) -> "NodeQuerySet":
        """With the last report of each node. Of its JSON only `members` are read, because reading and checking it takes longer than drawing a row."""
        return self.select_related("observation").defer(*(f"observation__{name}" for name in KEPT if name not in members))


class Node(models.Model):
    """One machine of the site."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64)
    host_name = models.CharField(max_length=64)
    address = models.CharField(max_length=64, blank=True)
    distribution_port = models.PositiveIntegerField(default=4444)
    node_port = models.PositiveIntegerField(default=4242)
    subject_alternative_names = models.JSONField(default=list)
    services = models.JSONField(default=list)
    notes = models.CharField(max_length=LONGEST_NOTES, blank=True)
    state = models.CharField(max_length=20, choices=NodeState.choices, default=NodeState.CREATED, db_index=True)
    state_reason = models.CharField(max_length=500, blank=True)
    state_since = models.DateTimeField()
    failed_from = models.CharField(max_length=20, blank=True, help_text="the state in which the registration failed")
    generation = models.PositiveIntegerField(default=0)
    is_central = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    registered_at = models.DateTimeField(null=True, blank=True)
    setup_url = models.CharField(max_length=100, blank=True, help_text="URL of the setup page on the node, as reported by its agent")
    made_by_request = models.UUIDField(
        null=True, blank=True, db_index=True, help_text="ID of the request that created the node; a repeated request finds the node"
    )
    browser_thumbprint = models.CharField(
        max_length=64, blank=True, db_index=True, help_text="thumbprint of the chosen browser certificate"
    )
    browser_chosen_at = models.DateTimeField(null=True, blank=True)
    # A person says that they imported the cluster certificate there: a claim until the node's own report proves it.
    cluster_ticked_at = models.DateTimeField(null=True, blank=True)
    cluster_ticked_by = models.CharField(max_length=200, blank=True)

    objects = NodeQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        permissions = [
            ("register_node", "Can register and redistribute nodes"),
            ("renew_node", "Can renew a node's certificates"),
            ("decommission_node", "Can decommission nodes"),
        ]
        indexes = [
            models.Index(fields=["name", "id"], name="nodes_by_name"),
            models.Index(fields=["address", "name"], name="nodes_by_address"),
            models.Index(fields=["state", "is_central", "registered_at", "id"], name="nodes_by_state"),
            models.Index(fields=["id"], condition=Q(is_central=True), name="node_is_central"),
        ]
        constraints = [
            models.UniqueConstraint(Lower("host_name"), condition=~Q(state="decommissioned"), name="host_name_once"),
            models.UniqueConstraint(Lower("name"), condition=~Q(state="decommissioned"), name="node_name_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tags(self) -> list[str]:
        """In the order in which they were given."""
        return [row.tag for row in self.tag_rows.all()]

    @property
    def dialled(self) -> str:
        """The target of the central node's connections: the node's address if it has one, else its host name."""
        return self.address or self.host_name

    @property
    def observed(self) -> "Observation | None":
        try:
            return self.observation
        except ObjectDoesNotExist:
            return None

    def online(self, now: datetime) -> bool:
        seen = self.observed
        return seen is not None and now < seen.silent_at

    @property
    def calls_from(self) -> str:
        """The address from which the node last called, if it differs from its recorded address; "" if not, or if either is unknown."""
        seen = self.observed.address if self.observed else ""
        if not seen or not self.address or ip_address(seen).is_loopback:
            return ""
        return seen if ip_address(seen) != ip_address(self.address) else ""

    @property
    def clock_offset_s(self) -> float | None:
        seen = self.observed
        return seen.clock_offset_s if seen else None


class NodeTag(models.Model):
    """One tag of a node."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="tag_rows")
    tag = models.CharField(max_length=LONGEST_TAG)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["tag", "node"], name="tag_of_node_once")]

    def __str__(self) -> str:
        return self.tag
