"""The periodic call of the watchdog."""

from datetime import datetime, timedelta

from alerts.watchdog.services import watchdog_call
from jobs.periodic import periodic_task

EVERY = timedelta(seconds=60)


# It has no patience: its calls depend on all work that has one. If it does not run, the service that expects the calls reports it.
@periodic_task(name="watchdog", label="Watchdog", period=EVERY, lease=EVERY)
def call(*, now: datetime) -> None:
    """Call the watchdog URL if all is well."""
    watchdog_call(now=now)
