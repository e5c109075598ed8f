"""Channels and routes of alerts, among the settings of the site."""

from collections.abc import Iterator

from alerts.models import Channel, Route
from web.site_settings import Group, Setting, settings_register
from web.words import counted

MOST_NAMED = 5


@settings_register("alerts.view_channel")
def settings() -> Iterator[Setting]:
    found = [*Channel.objects.filter(enabled=True).order_by("name").values_list("name", flat=True)[: MOST_NAMED + 1]]
    shown = ", ".join(found[:MOST_NAMED]) + (" and more" if len(found) > MOST_NAMED else "")
    yield Setting(
        "channels",
        Group.ALERTS,
        "Channels",
        "Where alerts are sent to.",
        shown or "none",
        "none",
        view="alerts:channels",
        actions=("channel.created", "channel.changed", "channel.deleted"),
    )


@settings_register("alerts.view_route")
def route_settings() -> Iterator[Setting]:
    yield Setting(
        "routes", Group.ALERTS, "Routes", "Which alerts go to which channel, and in which hours.",
        counted(Route.objects.count(), "route"), "0 routes", view="alerts:routes", actions=("route.created", "route.changed", "route.deleted"),
    )  # fmt: skip
