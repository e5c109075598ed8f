"""Expiry thresholds: how long before its expiry date a thing opens an alert, or makes it more severe. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from attention.expiring import KINDS, Expiring, Happens
from attention.needs import Severity

DEFAULT_DAYS = (90.0, 30.0, 14.0, 7.0, 3.0, 1.0)
# The need `node-awaiting-password` reports passwords from their first minute, and `backup-old` reports backups.
WITHOUT = ("registration_password", "backup")
# A thing with a shorter life gets the same shares of its life.
WHOLE_LIFE = timedelta(days=360)
SHORTEST = timedelta(hours=1)  # thresholds that are nearer to the expiry date or to each other become one
CRITICAL_DAYS = 7.0
OVERDUE = timedelta(days=1)


def thresholds_of(kind: str, stored: Mapping[str, Sequence[float]]) -> tuple[float, ...]:
    """The thresholds of a kind in days, the first one first."""
    return tuple(stored[kind]) if kind in stored else () if kind in WITHOUT else DEFAULT_DAYS


def thresholds_by_kind(stored: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, ...]]:
    return {kind: thresholds_of(kind, stored) for kind in KINDS}


def share(thing: Expiring) -> float:
    """The part of `WHOLE_LIFE` that the thing lives; at most 1."""
    return min(1.0, max(thing.not_after - thing.not_before, timedelta(0)) / WHOLE_LIFE)


def passed(thing: Expiring, days: Sequence[float], now: datetime) -> float | None:
    """The last threshold in `days` that the thing has passed, as it is set, before it is shortened. None if it has passed none."""
    left, shorter = thing.not_after - now, share(thing)
    found, before = None, timedelta.max
    for threshold in sorted(days, reverse=True):
        at = timedelta(days=threshold) * shorter
        if at < SHORTEST or before - at < SHORTEST:
            continue
        if left <= at:
            found = threshold
        before = at
    return found


def severity_at(threshold: float, thing: Expiring, now: datetime) -> Severity:
    """Critical in the last days and after the expiry date."""
    return Severity.CRITICAL if threshold <= CRITICAL_DAYS or thing.not_after < now else Severity.WARNING


def is_overdue(thing: Expiring, now: datetime) -> bool:
    """Whether automatic work on it is late: by a day, or by its share of one."""
    wording = thing.wording
    return (
        wording.happens == Happens.BY_ITSELF and wording.due_at is not None and now - wording.due_at > OVERDUE * max(share(thing), 1 / 24)
    )
