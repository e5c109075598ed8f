"""The list of channels, the choice of a kind, and the page of a channel."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alerts.channels.kinds import KINDS, Kind
from alerts.models import Channel, Delivery, QueuedMessage, Route
from pki.core import clocks
from web.words import counted

LAST = 5


def kind_words(channel: Channel) -> str:
    """The kind, and where it sends to."""
    if not (kind := KINDS.get(channel.kind)):
        return channel.kind
    address = kind.address(dict.fromkeys((field.name for field in kind.fields), "") | channel.values)
    return f"{kind.label} · {address}" if address else kind.label


@dataclass(frozen=True)
class ChannelStatus:
    """Whether a channel works. The time `at` follows `words`, if there is one."""

    color: str
    words: str
    at: datetime | None = None


def channel_status(channel: Channel, *, now: datetime) -> ChannelStatus:
    if not channel.enabled:
        return ChannelStatus("grey", "off")
    if channel.failing_since:
        return ChannelStatus("red", f"failing for {clocks.length(now - channel.failing_since)}")
    if channel.last_sent_at:
        return ChannelStatus("green", "sent", channel.last_sent_at)
    return ChannelStatus("grey", "nothing sent yet")


@dataclass(frozen=True)
class ChannelLine:
    """A channel in a list."""

    channel: Channel
    status: ChannelStatus

    @property
    def kind_words(self) -> str:
        return kind_words(self.channel)


def channel_lines(channels: Iterable[Channel], *, now: datetime) -> list[ChannelLine]:
    return [ChannelLine(channel, channel_status(channel, now=now)) for channel in channels]


@dataclass(frozen=True)
class ChannelPage:
    """A channel to change. `generated` are secrets that the console has just made; they are shown this once. `waiting` counts queued messages."""

    channel: Channel
    status: ChannelStatus
    routes: list[Route]
    deliveries: list[Delivery]
    waiting: int
    saved: bool = False
    generated: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind_words(self) -> str:
        return kind_words(self.channel)

    @property
    def can_send(self) -> bool:
        """Whether the console knows its kind."""
        return self.channel.kind in KINDS

    @property
    def touched(self) -> list[str]:
        """What a deletion touches beside the channel."""
        routes = [f"Its route: {route.sentence}" for route in self.routes]
        waiting = [counted(self.waiting, "queued message")] if self.waiting else []
        return [*routes, *waiting, "The history of its deliveries"]


def channel_page(channel: Channel, *, saved: bool = False, generated: Mapping[str, str] | None = None, now: datetime) -> ChannelPage:
    return ChannelPage(
        channel,
        channel_status(channel, now=now),
        list(channel.routes.all()),
        list(channel.deliveries.all()[:LAST]),
        QueuedMessage.objects.waiting().filter(channel=channel).count(),
        saved,
        generated or {},
    )


@dataclass(frozen=True)
class NewChannelPage:
    """A new channel of `kind`; the kind is chosen first."""

    kind: Kind | None

    @property
    def title(self) -> str:
        return f"New channel: {self.kind.label}" if self.kind else "New channel"

    @property
    def kinds(self) -> list[Kind]:
        return list(KINDS.values())
