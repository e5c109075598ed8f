"""Why a node cannot get new certificates at the moment."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from nodes.models import Node, Renewal
from nodes.observation.callers import DISPUTED, disputed_nodes
from nodes.states import UNDER_WAY, NodeState, RenewalStatus

LATE = timedelta(minutes=5)


class BlockedReasons:
    """The data to find why `nodes` are blocked, in two queries. `renewals` has each node's last renewal that was not verified."""

    def __init__(self, nodes: Collection[Node]) -> None:
        found = Renewal.objects.filter(node__in=[node.pk for node in nodes]).exclude(status=RenewalStatus.PROVED)
        self.renewals: dict[uuid.UUID, Renewal] = {row.node_id: row for row in found.defer("package").order_by("generation")}
        self.disputed = disputed_nodes()

    def of(self, node: Node, now: datetime) -> str:
        """Why `node` is blocked, and what to do; "" if it is not."""
        renewal = self.renewals.get(node.pk)
        if node.state in UNDER_WAY:
            return "Its registration is in progress. Enter its password on the node, or wait."
        if node.state == NodeState.FAILED:
            return "Its redistribution failed. Redistribute it again, or decommission it."
        if node.pk in self.disputed:
            return DISPUTED
        if not node.online(now):
            return "The node is silent. Start its agent, or decommission the node."
        if renewal is None or renewal.generation != node.generation:
            return ""
        if renewal.status == RenewalStatus.OFFERED and now - renewal.created_at > LATE:
            return "The node does not fetch its new certificates. See the log of its agent."
        return f"Its renewal is blocked: {renewal.reason}" if renewal.reason else ""
