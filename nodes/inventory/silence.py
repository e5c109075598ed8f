"""Silence of nodes: when a node has not called for too long."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings
from django.db.models import Q

from nodes.states import NodeState

if TYPE_CHECKING:
    from nodes.inventory.models import Node

# Three missed calls, but at least three minutes, so that an agent that restarts is not called silent. A few fixed lengths from three minutes
# to some hours, so that the database finds silent nodes with an index.
SILENCES = tuple(180 << power for power in range(7))


def silence_after(interval: timedelta) -> int:
    """The seconds without a call after which a node is silent, if it was told to call after `interval`."""
    return next((seconds for seconds in SILENCES if seconds >= 3 * interval.total_seconds()), SILENCES[-1])


# For a node that has never called.
FIRST_CALL = timedelta(seconds=silence_after(timedelta(seconds=settings.QMC_HEARTBEAT_S)))


def silent_calls(now: datetime) -> Q:
    """Observations whose node has not called for too long."""
    found = Q()
    for seconds in SILENCES:
        found |= Q(silent_after_s=seconds, last_seen_at__lte=now - timedelta(seconds=seconds))
    return found


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
    return now - last_call(node, now) >= (timedelta(seconds=seen.silent_after_s) if seen else FIRST_CALL)
