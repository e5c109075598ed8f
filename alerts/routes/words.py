"""Routes in sentences."""

from typing import TYPE_CHECKING

from attention.needs import Severity
from web.words import listed

if TYPE_CHECKING:
    from alerts.models import Channel, Route

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
AT_LEAST = {Severity.CRITICAL: "Critical alerts", Severity.WARNING: "Warnings and critical alerts", Severity.INFO: "All alerts"}
MOST_CODES = 3


def _days(days: list[int]) -> str:
    if not days:
        return ""
    first, last = days[0], days[-1]
    if len(days) > 2 and days == list(range(first, last + 1)):
        return f"from {DAYS[first]} to {DAYS[last]}"
    return f"on {listed([DAYS[day] for day in days])}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _hours(route: "Route") -> str:
    begins, ends = route.from_minute, route.until_minute
    if begins is None or ends is None:
        return ""
    next_day = " of the next day" if 0 < ends <= begins else ""
    return f"between {_clock(begins)} and {_clock(ends) if ends else '24:00'}{next_day}"


def when(route: "Route") -> str:
    """The days and hours of a route."""
    parts = [part for part in (_days(route.days), _hours(route)) if part]
    if not parts:
        return "at any hour"
    return f"{', '.join(parts)} ({route.time_zone})"


def _about(codes: list[str]) -> str:
    if not codes:
        return ""
    more = [f"{len(codes) - MOST_CODES + 1} more"] if len(codes) > MOST_CODES else []
    return f" about {listed(codes[: MOST_CODES - 1] + more if more else codes)}"


def sentence(route: "Route") -> str:
    """Critical alerts about node-silent go to Teams on Saturday and Sunday (UTC)."""
    return f"{AT_LEAST[Severity(route.least_severity)]}{_about(route.codes)} go to {route.channel.name} {when(route)}."


def sentence_without(channel: "Channel") -> str:
    """What a channel without a route gets."""
    return f"{AT_LEAST[Severity.WARNING]} go to {channel.name} at any hour."
