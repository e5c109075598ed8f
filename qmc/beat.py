"""Beat's turns, counted by a clock that nobody sets: Celery's own would wait out a wall clock that was set back."""

import time
from datetime import UTC, datetime, timedelta

from celery.schedules import schedule


def _steady() -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=time.monotonic())


def every(seconds: float) -> schedule:
    return schedule(seconds, nowfun=_steady)
