"""How often nodes call. The central node answers at most so many calls each second, however many nodes there are."""

import math
import os
from datetime import timedelta

from django.conf import settings

from nodes.calls.services import CallLimits

CALLS_PER_S, PENDING_CALLS_PER_S, PENDING_S = 50, 200, 5


def regular_interval(nodes: int, *, limits: CallLimits, load: float = 1) -> int:
    """Seconds between the calls of a node, on a site of this many nodes. `load`: processes that run or wait, for each processor of this machine."""
    adapted = math.ceil(nodes * max(load, 1) / CALLS_PER_S)
    return max(limits.least_s, min(adapted, limits.most_s))


def pending_interval(pending: int, *, regular_s: int) -> int:
    """The same for a node for which something waits, where something waits for `pending` nodes. At most `regular_s`."""
    return min(regular_s, max(PENDING_S, math.ceil(pending / PENDING_CALLS_PER_S)))


def silence_after(interval: timedelta) -> timedelta:
    """After how long without a call a node is silent, if its calls are `interval` apart: three missed calls.

    At least three minutes, so that an agent that restarts is not called silent.
    """
    return max(3 * interval, timedelta(minutes=3))


# For a node that has never called.
FIRST_CALL = silence_after(timedelta(seconds=settings.QMC_HEARTBEAT_S))


def load_now() -> float:
    """The load of this machine in the last minute, for each processor."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)
