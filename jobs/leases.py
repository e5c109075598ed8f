"""Leases: one process may do a piece of work for a limited time. The only place that says how long, and when a lease has expired."""

from datetime import UTC, datetime, timedelta

from django.db.models import Q

JOB_LEASE = timedelta(seconds=30)  # longer than any step: a connection has 6 s, a key on a busy machine 3 s
SIGNING_LEASE = timedelta(seconds=120)  # from the row of a certificate to its signature
SKEW = timedelta(seconds=10)  # how far the clocks of a site's machines may differ
RETURNED = datetime(1970, 1, 1, tzinfo=UTC)  # the expiry of a lease that was returned: in the past by every clock


def written_ahead(field: str, latest: datetime) -> Q:
    """Rows whose `field` is later than `latest`, the latest time that anybody could write now. A clock that was ahead wrote it, so it delays nothing."""
    return Q(**{f"{field}__gt": latest + SKEW})


def waits_too_long(field: str, now: datetime, patience: timedelta) -> Q:
    """Rows that wait since `field` for longer than `patience`, or since a time that a clock wrote that was ahead."""
    return Q(**{f"{field}__lt": now - patience}) | written_ahead(field, now)


def lease_expired(now: datetime, length: timedelta) -> Q:
    """Rows whose lease of this length nobody holds: never taken, returned, expired, or taken by a clock that was ahead."""
    return Q(lease_until__isnull=True) | Q(lease_until__lt=now) | written_ahead("lease_until", now + length)
