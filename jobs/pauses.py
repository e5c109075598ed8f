"""Growing pauses of a foreign host that accepts nothing. Channels of alerts and receivers of the audit log share them."""

from datetime import datetime, timedelta

PAUSES = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
)


def pause_after(failures: int) -> timedelta:
    """The pause after a failure that followed this many earlier ones."""
    return PAUSES[min(failures, len(PAUSES) - 1)]


def pause_left(next_attempt_at: datetime | None, *, now: datetime) -> timedelta:
    """How long nothing is sent; zero if it can be tried now.

    A pause that is longer than any was written by a clock that was ahead, so it delays nothing.
    """
    if next_attempt_at is None or not now < next_attempt_at <= now + PAUSES[-1]:
        return timedelta(0)
    return next_attempt_at - now
