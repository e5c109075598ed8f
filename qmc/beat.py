"""Beat's turns, by a clock that is never set back: Celery's own would wait until the old time has come again."""

import time
from datetime import UTC, datetime, timedelta

from celery.schedules import schedule


class Onward:
    """Goes as far as the wall clock or the machine's steady one goes, whichever is further."""

    def __init__(self) -> None:
        self._said = self._wall = datetime.now(UTC)
        self._steady = time.monotonic()

    def __call__(self) -> datetime:
        wall, steady = datetime.now(UTC), time.monotonic()
        self._said += max(wall - self._wall, timedelta(seconds=steady - self._steady))
        self._wall, self._steady = wall, steady
        return self._said


_now = Onward()


def every(seconds: float) -> schedule:
    return schedule(seconds, nowfun=_now)
