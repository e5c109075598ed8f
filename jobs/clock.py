"""Notice that the clock of this machine was set, by comparison with a clock that cannot be set."""

import logging
import threading
import time
from datetime import datetime, timedelta

from jobs.leases import lease_expired
from jobs.models import PeriodicWork

log = logging.getLogger(__name__)
NAME, JUMP, SHOWN = "clock", timedelta(seconds=60), timedelta(hours=1)
# Where the system has one: a clock that advances during sleep, so that waking up is not a jump.
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Watch:
    """Compares both clocks repeatedly."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: tuple[datetime, float] | None = None

    def jumped(self, *, now: datetime, steady_s: float) -> timedelta:
        """The time by which the clock was set since the last comparison. Negative if back. Zero below a minute: clocks that are slewed change by less."""
        with self._lock:
            before, self._before = self._before, (now, steady_s)
        if before is None:
            return timedelta(0)
        by = now - before[0] - timedelta(seconds=steady_s - before[1])
        return by if abs(by) > JUMP else timedelta(0)


_watch = Watch()


def clock_look(*, now: datetime) -> None:
    """Compare the clocks of this process. A jump is logged and recorded for the overview."""
    by = _watch.jumped(now=now, steady_s=time.clock_gettime(STEADY))
    if by:
        log.warning("the clock of this machine was set by %+.0f s; it is %s now", by.total_seconds(), now.isoformat(timespec="seconds"))
        jump = {"lease_until": now + SHOWN, "last_success": now, "last_error": f"{by.total_seconds():.0f}"}
        PeriodicWork.objects.update_or_create(name=NAME, defaults=jump)


def clock_jump(*, now: datetime) -> tuple[datetime, float] | None:
    """The last jump, for an hour or until a person confirms it: when it was noticed, and its seconds. Negative if back."""
    row = PeriodicWork.objects.filter(~lease_expired(now, SHOWN), name=NAME).first()
    return (row.last_success, float(row.last_error)) if row and row.last_success else None


def clock_confirm() -> None:
    """A person has checked the clock."""
    PeriodicWork.objects.filter(name=NAME).delete()
