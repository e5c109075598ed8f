"""Why a node cannot get new certificates at the moment, in words."""

import uuid
from datetime import datetime, timedelta

from nodes.models import Node, Renewal
from nodes.observation.callers import DISPUTED, is_disputed
from nodes.states import UNDER_WAY, NodeState, RenewalStatus

LATE = timedelta(minutes=5)


def renewals_not_proved() -> dict[uuid.UUID, Renewal]:
    """Each node's last renewal that was not proved."""
    return {each.node_id: each for each in Renewal.objects.exclude(status=RenewalStatus.PROVED).order_by("generation")}


def trouble(node: Node, renewal: Renewal | None, now: datetime) -> str:
    """What holds the node up, and what to do; empty where nothing does."""
    if node.state in UNDER_WAY:
        return "Its registration is under way: type its password, or wait."
    if node.state == NodeState.FAILED:
        return "Its redistribution failed: redistribute it, or decommission it."
    if is_disputed(node):
        return DISPUTED
    if not node.online(now):
        return "Silent: start its agent, or decommission it."
    if renewal is None or renewal.generation != node.generation:
        return ""
    if renewal.status == RenewalStatus.OFFERED and now - renewal.created_at > LATE:
        return "It does not fetch its new certificates: its agent's log says why."
    return f"Its renewal does not go on: {renewal.reason}" if renewal.reason else ""
