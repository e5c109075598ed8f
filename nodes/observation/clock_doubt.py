"""Whether the central node's clock is credible: certificates signed with a wrong clock are useless after it is corrected."""

from datetime import datetime, timedelta
from statistics import median

from django.db.models import Exists, OuterRef

from attention.once import once
from certs.errors import ClockDoubtful
from jobs.clock import clock_jump
from nodes.models import Node, Observation
from nodes.states import NodeState
from pki.core import clocks

SAMPLE = 101
FARTHEST = timedelta(hours=1)  # as far as certificates are backdated


@once
def last_callers(now: datetime) -> list[Observation]:
    """The nodes that called last, besides the central node, whether or not they are silent by now. They are a sample of all nodes."""
    others = Node.objects.filter(pk=OuterRef("node_id"), state=NodeState.REGISTERED, is_central=False)
    found = Observation.objects.filter(Exists(others)).order_by("-silent_at")
    return list(found.only("last_seen_at", "silent_at", "clock_offset_s")[:SAMPLE])


def clock_believed(*, now: datetime) -> None:
    """Raises: ClockDoubtful if the clocks of most calling nodes differ by more than an hour, or if no node calls and the clock has just jumped."""
    offsets = [seen.clock_offset_s for seen in last_callers(now) if now < seen.silent_at]
    middle = median(map(clocks.bounded, offsets)) if offsets else 0.0
    if abs(middle) > FARTHEST.total_seconds():
        side = "behind" if middle > 0 else "ahead of"
        problem = f"The central node's clock says {clocks.stamp(now)}, {clocks.length(timedelta(seconds=middle))} {side} most nodes'."
    elif not offsets and (jump := clock_jump(now=now)):
        problem = f"The central node's clock jumped {clocks.length(timedelta(seconds=jump[1]))} {'ahead' if jump[1] > 0 else 'back'}, and no other node confirms the new time."
    else:
        return
    raise ClockDoubtful(f"{problem} Automatic renewals and rotations wait until the clock is correct. Set its time source (NTP).")
