"""The schedule of Celery beat, with a clock that never goes back. After the wall clock was set back, Celery's own schedule would wait."""

import time
from datetime import UTC, datetime, timedelta

from celery.schedules import schedule


class MonotonicClock:
    """A clock that advances as far as the wall clock or the monotonic clock, whichever advances further."""

    def __init__(self) -> None:
        self._time = self._wall = datetime.now(UTC)
        self._monotonic = time.monotonic()

    def __call__(self) -> datetime:
        wall, monotonic = datetime.now(UTC), time.monotonic()
        self._time += max(wall - self._wall, timedelta(seconds=monotonic - self._monotonic))
        self._wall, self._monotonic = wall, monotonic
        return self._time


_now = MonotonicClock()


def every(seconds: float) -> schedule:
    return schedule(seconds, nowfun=_now)
