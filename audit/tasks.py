"""The periodic work of the audit log."""

from datetime import datetime, timedelta

from audit.chain import verify_new
from jobs.periodic import periodic_task


@periodic_task(name="audit check", label="Audit log check", period=timedelta(seconds=60), lease=timedelta(seconds=60))
def check(*, now: datetime) -> None:
    """Verify the events that were written since the last check. The overview shows a problem."""
    verify_new(now=now)
