"""The periodic search for events that a receiver has not taken."""

from datetime import datetime, timedelta

from audit.syslog.services import deliveries_start
from jobs.periodic import periodic_task
from jobs.registry import MOST_PATIENCE

EVERY = timedelta(seconds=5)


@periodic_task(name="audit syslog", label="Audit log to syslog", period=EVERY, lease=EVERY, patience=MOST_PATIENCE)
def start(*, now: datetime) -> None:
    """Create jobs for receivers that have not taken everything."""
    deliveries_start(now=now)
