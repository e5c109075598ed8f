"""The nodes' periodic work."""

import contextlib
from datetime import datetime, timedelta

from certs.errors import ClockDoubtful
from certs.models import TrustZone
from jobs.periodic import periodic_task
from nodes.automatic.services import calls_follow_clock, upkeep
from nodes.registration.services import passwords_wipe

UPKEEP = "upkeep"


@periodic_task(
    name=UPKEEP, label="Renewals and rotations that are due", period=timedelta(seconds=10), lease=timedelta(seconds=60),
    patience=timedelta(minutes=5),
)  # fmt: skip
def look_after(*, now: datetime) -> None:
    """Renewals and a rotation of the root that are due; passwords that nobody asks for again are forgotten."""
    if TrustZone.objects.current() is None:
        return
    passwords_wipe(now=now)
    calls_follow_clock(now=now)
    with contextlib.suppress(ClockDoubtful):  # the overview tells
        upkeep(now=now)
