"""Periodic work of this app."""

from datetime import datetime, timedelta

from backups.schedule import backups_forget, schedule_run
from backups.worker import backups_end_late
from jobs.clock import clock_jump
from jobs.periodic import periodic_task


@periodic_task(name="backups", label="Scheduled backups", period=timedelta(seconds=30), lease=timedelta(seconds=25))
def backups_care(*, now: datetime) -> None:
    """Delete passphrases in time, and begin the backup that is due."""
    backups_end_late(now=now)
    schedule_run(now=now)
    if not clock_jump(now=now):
        backups_forget(now=now)
