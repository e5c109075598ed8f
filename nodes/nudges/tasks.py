"""The periodic work of nudges."""

from datetime import datetime, timedelta

from certs.models import TrustZone
from jobs.periodic import periodic_task
from nodes.nudges.services import nudges_send


@periodic_task(
    name="nudges", label="Requests to nodes to call now", period=timedelta(seconds=1), lease=timedelta(seconds=30), frees_lease=True
)
def nudge(*, now: datetime) -> None:
    """Ask the nodes for which something waits to call now."""
    if TrustZone.objects.current() is not None:
        nudges_send()
