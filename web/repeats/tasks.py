"""Periodic work of this room."""

from datetime import datetime, timedelta

from jobs.periodic import periodic_task
from web.repeats.services import requests_forget


@periodic_task(name="keys-old", label="Deletion of old Idempotency-Keys", period=timedelta(minutes=10), lease=timedelta(minutes=9))
def keys_forget(*, now: datetime) -> None:
    """Delete keys whose day is over."""
    requests_forget(now=now)
