"""The periodic search for changes of state that must be sent."""

from datetime import datetime, timedelta

from alerts.state_changes.services import state_changes_start
from jobs.periodic import periodic_task
from jobs.registry import MOST_PATIENCE

EVERY = timedelta(seconds=5)


@periodic_task(name="state changes", label="State changes for webhooks", period=EVERY, lease=EVERY, patience=MOST_PATIENCE)
def start(*, now: datetime) -> None:
    """Create jobs for channels that have changes of state to send."""
    state_changes_start(now=now)
