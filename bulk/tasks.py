"""Periodic work of this app."""

from datetime import datetime, timedelta

from bulk.services import secrets_wipe, works_delete_old
from jobs.clock import clock_jump
from jobs.periodic import periodic_task


@periodic_task(name="bulk-secrets", label="Deletion of secrets of bulk work", period=timedelta(minutes=5), lease=timedelta(minutes=4))
def secrets_delete(*, now: datetime) -> None:
    """Delete secrets that were not fetched in time."""
    secrets_wipe(now=now)


@periodic_task(name="bulk-old", label="Deletion of old bulk work", period=timedelta(hours=6), lease=timedelta(minutes=10))
def delete_old(*, now: datetime) -> None:
    """Delete bulk work that finished more than 90 days ago. Nothing while the clock has just jumped."""
    if not clock_jump(now=now):
        works_delete_old(now=now)
