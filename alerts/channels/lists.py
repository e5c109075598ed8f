"""The list of channels, and the format of its rows in the API and in files."""

from datetime import datetime
from typing import Any

from alerts.channels.kinds import kind_named
from alerts.channels.models import Channel
from alerts.channels.services import readable_values
from alerts.channels.view_models import ChannelLine, channel_lines
from web.lists.declared import Column, List

PLAIN = (
    "name", "kind", "values", "enabled", "state_changes", "created_at", "changed_at", "last_sent_at", "failing_since", "last_error", "next_attempt_at",
)  # fmt: skip


def channel_json(channel: Channel) -> dict[str, Any]:
    """A channel without its secrets."""
    kind, values = kind_named(channel.kind), readable_values(channel)
    secrets_set = {field.name: bool(values.get(field.name)) for field in kind.fields if field.is_secret}
    plain = {name: getattr(channel, name) for name in PLAIN}
    return {"id": str(channel.pk), **plain, "secrets_set": secrets_set, "address": kind.address(values)}


class ChannelList(List):
    model = Channel
    noun, caption = "channel", "Channels"
    empty = "No channels yet. Alerts are shown only in this console. Add a channel: mail, a webhook, or a chat or on-call service."
    columns = (
        Column("name", "Channel", "alerts/channels/cell_name.html", sort="name"),
        Column("state", "State", "alerts/channels/cell_state.html"),
    )
    sort = "name"
    csv = (
        "id",
        "name",
        "kind",
        "address",
        "enabled",
        "created_at",
        "changed_at",
        "last_sent_at",
        "failing_since",
        "last_error",
        "next_attempt_at",
    )

    def shown(self, rows: list[Channel], now: datetime) -> list[ChannelLine]:
        return channel_lines(rows, now=now)

    def json(self, rows: list[Channel], now: datetime) -> list[dict[str, Any]]:
        return [channel_json(channel) for channel in rows]
