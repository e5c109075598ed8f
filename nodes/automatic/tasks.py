"""The nodes' periodic work."""

import contextlib
from datetime import datetime, timedelta

from certs.errors import ClockDoubtful
from certs.models import TrustZone
from jobs.periodic import periodic_task
from jobs.registry import MOST_PATIENCE
from nodes.automatic.services import automatic_renewal, calls_follow_clock
from nodes.registration.services import passwords_wipe

AUTOMATIC_RENEWAL = "upkeep"  # the name stored in the row of the periodic work


@periodic_task(
    name=AUTOMATIC_RENEWAL, label="Automatic renewals and rotations", period=timedelta(seconds=10), lease=timedelta(seconds=30),
    patience=MOST_PATIENCE,
)  # fmt: skip
def look_after(*, now: datetime) -> None:
    """Start the renewals and the root rotation that are due, and delete passwords that are no longer needed."""
    if TrustZone.objects.current() is None:
        return
    passwords_wipe(now=now)
    calls_follow_clock(now=now)
    with contextlib.suppress(ClockDoubtful):  # the overview page shows it
        automatic_renewal(now=now)
