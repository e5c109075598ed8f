"""Two clocks in words, so that a clock that is off is never taken for a certificate that is bad."""

from datetime import UTC, datetime, timedelta

AGREE = timedelta(seconds=60)
LONGEST_MOMENT = 40
FARTHEST_S = 365 * 86400.0
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def parsed(text: object) -> datetime:
    """An ISO 8601 moment with its offset, in UTC, of the years 1970 to 9999. Raises: ValueError."""
    if not isinstance(text, str) or len(text) > LONGEST_MOMENT:
        raise ValueError("this is no moment")
    moment = datetime.fromisoformat(text)
    try:
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except OverflowError as exc:
        raise ValueError("this moment is out of range") from exc
    if moment.tzinfo is None or moment.year < 1970:
        raise ValueError("this moment has no offset, or is out of range")
    return moment


def length(seconds: float) -> str:
    """A length of time, of which side does not matter, in its largest unit: 10 minutes, 2 days."""
    size, unit = next(((size, unit) for size, unit in UNITS if abs(seconds) >= size), UNITS[-1])
    count = round(abs(seconds) / size)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def bounded(offset_s: float) -> float:
    """Seconds between two clocks, at most a year either way: more than that says nothing more."""
    return max(-FARTHEST_S, min(FARTHEST_S, offset_s))


def agree(one: datetime, other: datetime) -> bool:
    return abs(one - other) < AGREE


def apart(whose: str, clock: datetime, others: str, other: datetime) -> str:
    """Both clocks: "rim1's clock says …, 2 days behind the central node's, which says …". `whose` and `others` are genitives."""
    side = "ahead of" if clock > other else "behind"
    return f"{whose} clock says {stamp(clock)}, {length((clock - other).total_seconds())} {side} {others}, which says {stamp(other)}"


def verdict(whose: str, clock: datetime, others: str, other: datetime | None) -> str:
    """Why a certificate's dates were refused by one of two, as far as their clocks tell, and what to do."""
    if other is None:
        return (
            f"a certificate is not valid at this moment: {whose} clock says {stamp(clock)}, and {others} could not be asked. Compare both clocks, "
            "and set the wrong one (NTP); if they agree, renew or redistribute the node that presents it."
        )
    if agree(clock, other):
        return (
            f"a certificate is not valid at this moment, and both clocks agree that it is {stamp(clock)}: renew or redistribute the node "
            "that presents it."
        )
    return f"the clocks disagree: {apart(whose, clock, others, other)}. Set the wrong one (NTP): the certificates may well be good."
