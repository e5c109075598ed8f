"""Silence of nodes: when a node has not called for too long."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q

from nodes.states import NodeState

if TYPE_CHECKING:
    from nodes.inventory.models import Node

# Three missed calls, but at least three minutes, so that an agent that restarts is not called silent. A few fixed lengths from three minutes
# to a day, so that the database finds silent nodes with an index.
SILENCES = tuple(180 << power for power in range(10))


def silence_after(interval: timedelta) -> int:
    """The seconds without a call after which a node is silent, if it was told to call after `interval`."""
    return next((seconds for seconds in SILENCES if seconds >= 3 * interval.total_seconds()), SILENCES[-1])


# For a node that has never called.
FIRST_CALL = timedelta(seconds=silence_after(timedelta(seconds=settings.QMC_HEARTBEAT_S)))


def silent_calls(now: datetime, path: str = "") -> Q:
    """Observations whose node has not called for too long. `path` leads to the observation, for example `observation__`."""
    found = Q()
    for seconds in SILENCES:
        found |= Q(**{f"{path}silent_after_s": seconds, f"{path}last_seen_at__lte": now - timedelta(seconds=seconds)})
    return found


def silent_nodes(now: datetime) -> Q:
    """Registered nodes that have not called for too long, as a condition for nodes."""
    never_called = Q(observation=None, registered_at__lte=now - FIRST_CALL)
    return Q(state=NodeState.REGISTERED) & (silent_calls(now, "observation__") | never_called)


def last_call(node: "Node", now: datetime) -> datetime:
    """When the node called last, or its registration if it never called."""
    return node.observed.last_seen_at if node.observed else node.registered_at or now


def is_silent(node: "Node", now: datetime) -> bool:
    """Whether a registered node has not called for too long."""
    seen = node.observed
    return now - last_call(node, now) >= (timedelta(seconds=seen.silent_after_s) if seen else FIRST_CALL)
