"""Nudges of nodes: who waits for one, and when each node was dialed last."""

from django.db import models


class Nudge(models.Model):
    """The nudges of one node. `asked_at`: since when something waits for it; empty if nothing does, or the node was asked to call."""

    # Without a constraint, so that recording a nudge locks no node.
    node = models.OneToOneField("Node", on_delete=models.CASCADE, primary_key=True, related_name="nudge", db_constraint=False)
    asked_at = models.DateTimeField(null=True, blank=True, db_index=True)
    dialed_at = models.DateTimeField(null=True, blank=True, db_index=True)
    reached = models.BooleanField(default=True, help_text="whether the node answered when it was dialed last")

    def __str__(self) -> str:
        return f"nudge of {self.node_id}"


class SiteNudge(models.Model):
    """One row: the digest of what every node must know. `asked_at`: when it changed; empty after the nodes were asked to call."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    digest = models.CharField(max_length=64)
    asked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"nudge of all nodes for {self.digest}"
