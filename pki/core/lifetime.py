"""Lifetimes in calendar months, clamped (S8), and the one definition of "expired" (notAfter is inclusive, RFC 5280 4.1.2.5)."""

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pki.core.clocks import BACKDATE

MINIMUM_MONTHS, MAXIMUM_MONTHS, DEFAULT_MONTHS = 12, 60, 60
EXPIRING = timedelta(days=90)
BEFORE_THE_END = timedelta(days=90)
SHORTEST_GAIN = timedelta(days=30)
LONGEST_SPREAD = timedelta(days=14)
# The upper limit of each bucket in days left. Beyond the last limit is "later".
BUCKETS = (("7_days", 7), ("30_days", 30), ("90_days", 90), ("1_year", 365))
BUCKET_NAMES = ("expired", *(name for name, _ in BUCKETS), "later")


def clamp(requested: int) -> int:
    """A value outside 12–60 is set to the border value (S8)."""
    return max(MINIMUM_MONTHS, min(MAXIMUM_MONTHS, requested))


def add_months(moment: datetime, months: int) -> datetime:
    """The same day of a later month, or that month's last: 31 January + 1 month is 28 or 29 February."""
    month = moment.month - 1 + months
    year, month = moment.year + month // 12, month % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


@dataclass(frozen=True)
class Validity:
    """First and last second, both inclusive, in UTC. `cut` is true if the expiry date of the issuer shortened it."""

    not_before: datetime
    not_after: datetime
    cut: bool


def validity(*, now: datetime, months: int, issuer_not_after: datetime | None, backdate: timedelta = BACKDATE) -> Validity:
    """The validity of a new certificate: backdated for clock skew, and not longer than that of its issuer."""
    moment = now.replace(microsecond=0)
    # Subtract one second, because certificate validity periods are inclusive of their final second (RFC 5280, 4.1.2.5).
    end = add_months(moment, months) - timedelta(seconds=1)
    cut = issuer_not_after is not None and end > issuer_not_after
    return Validity(moment - backdate, issuer_not_after if cut and issuer_not_after else end, cut)


class ExpiryStatus(StrEnum):
    NOT_YET_VALID = "not_yet_valid"
    VALID = "valid"
    EXPIRING = "expiring"
    EXPIRED = "expired"


def expiry_status(not_before: datetime, not_after: datetime, now: datetime) -> ExpiryStatus:
    """Expiring is the last third of the lifetime, or the last 90 days if that is shorter."""
    if now < not_before:
        return ExpiryStatus.NOT_YET_VALID
    if now > not_after:
        return ExpiryStatus.EXPIRED
    if not_after - now <= min(EXPIRING, (not_after - not_before) / 3):
        return ExpiryStatus.EXPIRING
    return ExpiryStatus.VALID


def days_left(not_after: datetime, now: datetime) -> int:
    """Whole days until the expiry date, rounded down; negative afterwards."""
    return (not_after - now).days


def bucket(not_after: datetime, now: datetime) -> str:
    """The one of `BUCKET_NAMES` for an expiry date. notAfter is inclusive, as in `expiry_status`."""
    if now > not_after:
        return "expired"
    days = days_left(not_after, now)
    return next((name for name, border in BUCKETS if days < border), "later")


def due_at(not_before: datetime, not_after: datetime) -> datetime:
    """When a leaf is due for renewal: at two thirds of its lifetime, or 90 days before its expiry date if that is sooner."""
    return max(not_before, min(not_before + (not_after - not_before) * 2 / 3, not_after - BEFORE_THE_END))


def longest_share(not_before: datetime, not_after: datetime) -> timedelta:
    """No delay of `share` is longer: a 24th of the lifetime, at most 14 days."""
    return min((not_after - not_before) / 24, LONGEST_SPREAD)


def share(not_before: datetime, not_after: datetime, number: int) -> timedelta:
    """A delay that spreads the renewals of many certificates.

    `number` (a serial number or an id) is random and fixed, so each process computes the same delay.
    """
    return longest_share(not_before, not_after) * ((number & 0xFFFF) / 0x10000)


def renewal_at(not_before: datetime, not_after: datetime, serial: int) -> datetime:
    """When a leaf is renewed automatically."""
    return due_at(not_before, not_after) + share(not_before, not_after, serial)


def is_worth_renewing(not_after: datetime, *, new_not_after: datetime) -> bool:
    """Whether a renewal gains at least 30 days. If the expiry date of the issuer prevents that, the certificate waits for a newer root."""
    return new_not_after - not_after >= SHORTEST_GAIN


def root_due_at(not_before: datetime, not_after: datetime) -> datetime:
    """A root is replaced at half its lifetime."""
    return not_before + (not_after - not_before) / 2


def replaced_at(not_before: datetime, not_after: datetime, serial: int, *, months: int, issuer_not_after: datetime) -> datetime | None:
    """When a leaf is renewed automatically for another `months`; None if it must wait for a newer root, because the issuer expires too early."""
    needed = not_after + SHORTEST_GAIN
    if not is_worth_renewing(not_after, new_not_after=issuer_not_after):
        return None
    worth = add_months(needed, -months)
    while add_months(worth, months) <= needed:  # a short month takes up to three days, and the last second does not count
        worth += timedelta(days=1)
    return max(renewal_at(not_before, not_after, serial), worth)
