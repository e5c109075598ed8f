"""Why a node cannot get new certificates at the moment, in words."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nodes.models import Node, Renewal
from nodes.observation.callers import DISPUTED, disputed_nodes
from nodes.states import UNDER_WAY, NodeState, RenewalStatus

LATE = timedelta(minutes=5)


def _renewals_not_proved() -> dict[uuid.UUID, Renewal]:
    found = Renewal.objects.exclude(status=RenewalStatus.PROVED).defer("package").order_by("generation")
    return {each.node_id: each for each in found}


@dataclass(frozen=True)
class Troubles:
    """What is read to say what holds nodes up; two queries for all of them. `renewals` has each node's last renewal that was not proved."""

    renewals: dict[uuid.UUID, Renewal] = field(default_factory=_renewals_not_proved)
    disputed: set[uuid.UUID] = field(default_factory=disputed_nodes)

    def of(self, node: Node, now: datetime) -> str:
        """What holds `node` up, and what to do; empty where nothing does."""
        renewal = self.renewals.get(node.pk)
        if node.state in UNDER_WAY:
            return "Its registration is under way: type its password, or wait."
        if node.state == NodeState.FAILED:
            return "Its redistribution failed: redistribute it, or decommission it."
        if node.pk in self.disputed:
            return DISPUTED
        if not node.online(now):
            return "Silent: start its agent, or decommission it."
        if renewal is None or renewal.generation != node.generation:
            return ""
        if renewal.status == RenewalStatus.OFFERED and now - renewal.created_at > LATE:
            return "It does not fetch its new certificates: its agent's log says why."
        return f"Its renewal does not go on: {renewal.reason}" if renewal.reason else ""
