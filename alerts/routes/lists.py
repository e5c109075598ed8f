"""The list of routes, and the format of its rows in the API and in files."""

from datetime import datetime
from typing import Any

from alerts.models import Route
from web.lists.declared import List

PLAIN = ("least_severity", "codes", "days", "from_minute", "until_minute", "time_zone", "created_at")


def route_json(route: Route) -> dict[str, Any]:
    return {
        "id": str(route.pk), "channel": str(route.channel_id), "channel_name": route.channel.name, **{name: getattr(route, name) for name in PLAIN},
    }  # fmt: skip


class RouteList(List):
    model = Route
    noun, caption = "route", "Routes"
    orders = {"channel": ("channel__name", "created_at")}
    sort = "channel"
    csv = ("id", "channel_name", *PLAIN)

    def json(self, rows: list[Route], now: datetime) -> list[dict[str, Any]]:
        return [route_json(route) for route in rows]
