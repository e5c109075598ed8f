"""Silence of nodes: when a node has not called for too long."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from django.db.models import Q

from nodes.states import NodeState

if TYPE_CHECKING:
    from nodes.inventory.models import Node


def silence_after(interval: timedelta) -> timedelta:
    """After how long without a call a node is silent, if its calls are `interval` apart: three missed calls.

    At least three minutes, so that an agent that restarts is not called silent.
    """
    return max(3 * interval, timedelta(minutes=3))


# For a node that has never called.
FIRST_CALL = silence_after(timedelta(seconds=settings.QMC_HEARTBEAT_S))


def silent_calls(now: datetime) -> Q:
    """Observations whose node has not called for too long."""
    return Q(silent_at__lte=now)


def observed(condition: Q) -> Q:
    """The nodes whose observation meets `condition`. A subquery, so that SQLite begins with the index of the condition and not with all registered nodes."""
    observations = apps.get_model("nodes", "Observation").objects
    return Q(pk__in=observations.filter(condition).values("node"))


def silent_nodes(now: datetime) -> Q:
    """Registered nodes that have not called for too long, as a condition for nodes."""
    never_called = Q(registered_at__lte=now - FIRST_CALL) & ~observed(Q())
    return Q(state=NodeState.REGISTERED) & (observed(silent_calls(now)) | never_called)


def last_call(node: "Node", now: datetime) -> datetime:
    """When the node called last, or its registration if it never called."""
    return node.observed.last_seen_at if node.observed else node.registered_at or now


def is_silent(node: "Node", now: datetime) -> bool:
    """Whether a registered node has not called for too long."""
    seen = node.observed
    return now >= (seen.silent_at if seen else last_call(node, now) + FIRST_CALL)
