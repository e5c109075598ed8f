"""Which channels get an alert, and when. Pure, on rows that were read before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.channels.models import Channel
from alerts.routes.models import Route
from attention.needs import RANK, Severity

# A channel without routes gets these, at any hour.
WITHOUT_ROUTES = Severity.WARNING
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Routed:
    """A channel that gets a message, when, and by which route. No route means that the channel has none."""

    channel: Channel
    due_at: datetime
    route: Route | None


def routed(
    channels: Iterable[Channel], routes: Iterable[Route], *, code: str, subject: str = "", severity: Severity, at: datetime
) -> list[Routed]:
    """The enabled channels that get an alert with these values, each once, at the earliest time of its routes.

    The alert that a channel fails never goes to that channel.
    """
    of_channel: dict[object, list[Route]] = {}
    for route in routes:
        of_channel.setdefault(route.channel_id, []).append(route)
    found = []
    for channel in channels:
        if not channel.enabled or (code == "channel-failing" and subject == channel.name):
            continue
        own = of_channel.get(channel.pk)
        if own is None:
            if RANK[severity] <= RANK[WITHOUT_ROUTES]:
                found.append(Routed(channel, at, None))
            continue
        times = [(due_at(route, at), route) for route in own if matches(route, code, severity)]
        if times:
            when, first = min(times, key=lambda pair: pair[0])
            found.append(Routed(channel, when, first))
    return found


def matches(route: Route, code: str, severity: Severity) -> bool:
    """Whether the route takes this code and severity."""
    if RANK[severity] > RANK[Severity(route.least_severity)]:
        return False
    return not route.codes or any(code_matches(pattern, code) for pattern in route.codes)


def code_matches(pattern: str, code: str) -> bool:
    """Whether `pattern` is this code, or its beginning and an asterisk."""
    return code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern


def due_at(route: Route, at: datetime) -> datetime:
    """`at` if it is in the hours of the route, otherwise the beginning of its next hours."""
    spans = list(_spans(route, at))
    if any(begin <= at < end for begin, end in spans):
        return at
    return min((begin for begin, _ in spans if begin > at), default=at)


def _spans(route: Route, at: datetime) -> Iterable[tuple[datetime, datetime]]:
    """The hours of the route from the day before `at` until a week later. Hours that end before they begin end on the next day."""
    zone = ZoneInfo(route.time_zone)
    whole_day = route.from_minute is None or route.until_minute is None
    begins, ends = (0, 1440) if whole_day else (route.from_minute or 0, route.until_minute or 0)
    midnight = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    for number in range(-1, 9):
        day = midnight + DAY * number  # arithmetic in local time: each is the midnight of its day, also when clocks change
        if route.days and day.weekday() not in route.days:
            continue
        end_day = day if ends > begins else day + DAY
        yield _at(day, begins), _at(end_day, ends)


def _at(midnight: datetime, minute: int) -> datetime:
    return midnight + DAY if minute == 1440 else midnight.replace(hour=minute // 60, minute=minute % 60)


def known_routes(channels: Sequence[Channel]) -> list[Route]:
    """The routes of these channels, in one query."""
    return list(Route.objects.filter(channel__in=channels).order_by("created_at", "pk"))
