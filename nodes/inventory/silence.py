"""Silence of nodes: when a node has not called for too long."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from nodes.inventory.intervals import FIRST_CALL
from nodes.models import Node, Observation
from nodes.states import NodeState


def silent_calls(now: datetime) -> Q:
    """Observations whose node has not called for too long."""
    return Q(silent_at__lte=now)


def nodes_in(*ids: "QuerySet[Any, Any]") -> Q:
    """The nodes whose ids are in any of these querysets. One subquery, so that SQLite begins with their indexes and not with all registered nodes."""
    first, *others = (rows.order_by() for rows in ids)
    return Q(pk__in=first.union(*others, all=True) if others else first)


def observed(*conditions: Q) -> Q:
    """The nodes whose observation meets any of the conditions."""
    return nodes_in(*(Observation.objects.filter(condition).values("node") for condition in conditions))


def silent_nodes(now: datetime) -> Q:
    """Registered nodes that have not called for too long, as a condition for nodes."""
    never_called = Node.objects.filter(state=NodeState.REGISTERED, registered_at__lte=now - FIRST_CALL, observation=None)
    return nodes_in(Observation.objects.filter(silent_calls(now)).values("node"), never_called.values("pk")) & Q(state=NodeState.REGISTERED)


def calling_nodes(now: datetime) -> Q:
    """All other registered nodes. The database decides it for each node, which is faster for few nodes."""
    return Q(Q(observation__silent_at__gt=now) | Q(observation=None, registered_at__gt=now - FIRST_CALL), state=NodeState.REGISTERED)


def last_call(node: Node, now: datetime) -> datetime:
    """When the node called last, or its registration if it never called."""
    return node.observed.last_seen_at if node.observed else node.registered_at or now


def is_silent(node: Node, now: datetime) -> bool:
    """Whether a registered node has not called for too long."""
    seen = node.observed
    return now >= (seen.silent_at if seen else last_call(node, now) + FIRST_CALL)
