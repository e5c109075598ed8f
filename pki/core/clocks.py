"""Times and durations as text, and the comparison of two clocks: a wrong clock must not look like a bad certificate."""

from datetime import UTC, datetime, timedelta

AGREE = timedelta(seconds=60)
BACKDATE = timedelta(hours=1)  # certificates and revocation lists are valid this long before they are made, for clocks that are behind
LONGEST_MOMENT = 40
FARTHEST_S = 365 * 86400.0
SOON = timedelta(seconds=2)
MANY_DAYS = 120
ABBREVIATED = ("h", "min")


def day(moment: datetime) -> str:
    """The day in UTC: 9 Nov 2026."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y}"


def stamp(moment: datetime) -> str:
    """A time in a sentence: 29 Nov 2026, 14:05 UTC. The API and logs use ISO 8601 instead."""
    return f"{day(moment)}, {moment.astimezone(UTC):%H:%M} UTC"


def exact(moment: datetime) -> str:
    """The same with seconds: 29 Nov 2026, 14:05:09 UTC."""
    return f"{day(moment)}, {moment.astimezone(UTC):%H:%M:%S} UTC"


def parsed(text: object) -> datetime:
    """An ISO 8601 time with its offset, converted to UTC, in the years 1970 to 9999. Raises: ValueError."""
    if not isinstance(text, str) or len(text) > LONGEST_MOMENT:
        raise ValueError("this is not a time")
    moment = datetime.fromisoformat(text)
    try:
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except OverflowError as exc:
        raise ValueError("this time is out of range") from exc
    if moment.tzinfo is None or moment.year < 1970:
        raise ValueError("this time has no offset, or is out of range")
    return moment


def length(span: timedelta) -> str:
    """A duration in at most two units: 4 years 11 months, 89 days, 1 day 3 h, 3 min, 20 s."""
    seconds = round(abs(span.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
    if days >= MANY_DAYS:
        years, months = divmod(days * 12 // 365, 12)
        return _units((years, "year"), (months, "month"))
    if days:
        return _units((days, "day"), (hours if days == 1 else 0, "h"))
    if hours:
        return _units((hours, "h"), (minutes, "min"))
    return f"{minutes} min" if minutes else f"{seconds} s"


def _units(*counts: tuple[int, str]) -> str:
    return " ".join(f"{count} {unit}{'s' if count > 1 and unit not in ABBREVIATED else ''}" for count, unit in counts if count)


def left(until: datetime, now: datetime) -> str:
    """The time until an expiry date, which is inclusive."""
    return "expired" if until < now else length(until - now)


def relative(moment: datetime, now: datetime) -> str:
    """A time relative to `now`: just now, 3 min ago, in 89 days."""
    if abs(now - moment) < SOON:
        return "just now"
    return f"{length(now - moment)} ago" if moment <= now else f"in {length(moment - now)}"


def bounded(offset_s: float) -> float:
    """Seconds between two clocks, limited to a year in both directions."""
    return max(-FARTHEST_S, min(FARTHEST_S, offset_s))


def agree(one: datetime, other: datetime) -> bool:
    return abs(one - other) < AGREE


def apart(whose: str, clock: datetime, others: str, other: datetime) -> str:
    """Both clocks: "rim1's clock says …, 2 days behind the central node's, which says …". `whose` and `others` are genitives."""
    side = "ahead of" if clock > other else "behind"
    return f"{whose} clock says {stamp(clock)}, {length(clock - other)} {side} {others}, which says {stamp(other)}"


def verdict(whose: str, clock: datetime, others: str, other: datetime | None) -> str:
    """Why one of two machines refused the dates of a certificate, from their clocks, and what to do."""
    if other is None:
        return (
            f"a certificate is not valid at this moment: {whose} clock says {stamp(clock)}, and {others} could not be read. Compare both clocks, "
            "and set the wrong one (NTP). If they agree, renew or redistribute the node that presents it."
        )
    if agree(clock, other):
        return (
            f"a certificate is not valid at this moment, and both clocks agree that it is {stamp(clock)}: renew or redistribute the node "
            "that presents it."
        )
    return f"the clocks disagree: {apart(whose, clock, others, other)}. Set the wrong one (NTP). The certificates may be valid."
