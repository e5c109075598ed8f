"""The list of alerts and the page of one alert, with their sentences."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from alerts.board.notified import Notified, notified_about
from alerts.channels.view_models import ChannelLine
from alerts.models import Alert, Channel, Message, QueuedMessage
from alerts.states import AlertState, Change, DeliveryState
from alerts.watchdog.status import WatchdogStatus
from attention.needs import COLORS, Severity
from web.words import counted


@dataclass(frozen=True)
class Chip:
    """A state to choose, and how many alerts have it."""

    state: AlertState
    words: str
    count: int


def chips(*, now: datetime) -> list[Chip]:
    """In two queries, which have an index: older alerts are not counted."""
    unclosed = dict(Alert.objects.unclosed().order_by().values_list("state").annotate(Count("pk")))
    closed = Alert.objects.recent(now).filter(state=AlertState.CLOSED).count()
    return [
        Chip(AlertState.OPEN, "Open", unclosed.get(AlertState.OPEN, 0)),
        Chip(AlertState.ACKNOWLEDGED, "Acknowledged", unclosed.get(AlertState.ACKNOWLEDGED, 0)),
        Chip(AlertState.CLOSED, "Closed in 30 days", closed),
    ]


@dataclass(frozen=True)
class AlertRow:
    """One alert in the list."""

    alert: Alert
    notified: Notified | None

    @property
    def is_closed(self) -> bool:
        return self.alert.state == AlertState.CLOSED

    @property
    def color(self) -> str:
        return "green" if self.is_closed else COLORS[Severity(self.alert.severity)]

    @property
    def returned(self) -> str:
        return f"came back {counted(self.alert.returns, 'time')}" if self.alert.returns else ""

    @property
    def may_acknowledge(self) -> bool:
        return self.alert.state == AlertState.OPEN

    @property
    def button(self) -> str:
        return "Acknowledge" if self.may_acknowledge else "History" if self.is_closed else "Show"


def alert_rows(alerts: Sequence[Alert]) -> list[AlertRow]:
    found = notified_about([alert.pk for alert in alerts])
    return [AlertRow(alert, found.get(alert.pk)) for alert in alerts]


@dataclass(frozen=True)
class AlertsPage:
    """`rows` are one page of the alerts in the state `chosen`."""

    chosen: str
    chips: list[Chip]
    rows: list[AlertRow]
    channels: list[ChannelLine]
    watchdog: WatchdogStatus

    @property
    def title(self) -> str:
        count = self.chips[0].count
        return f"{counted(count, 'alert is', 'alerts are')} open" if count else "No alerts are open"

    @property
    def nothing(self) -> str:
        """What the empty list says."""
        return {
            AlertState.OPEN.value: "Nothing requires your attention.",
            AlertState.ACKNOWLEDGED.value: "No alert is acknowledged.",
            AlertState.CLOSED.value: "No alert was closed in the last 30 days.",
        }.get(self.chosen, "Nothing requires your attention.")


# Change: words, color of its spot
CHANGES = {
    Change.OPENED: ("Opened", "orange"),
    Change.ESCALATED: ("Became more severe", "red"),
    Change.REMINDED: ("Reminder: it is still open", "orange"),
    Change.ACKNOWLEDGED: ("Acknowledged", "grey"),
    Change.RESUMED: ("The acknowledgement has expired", "orange"),
    Change.CLOSED: ("Closed automatically", "green"),
    Change.RETURNED: ("Its cause came back", "orange"),
}


@dataclass(frozen=True)
class Sending:
    """One message to one channel. The time `at` follows `words`, if there is one."""

    channel: Channel
    color: str
    words: str
    at: datetime | None = None


def sending(queued: QueuedMessage, *, now: datetime) -> Sending:
    if queued.superseded:
        return Sending(queued.channel, "grey", "not sent, because a newer message replaced it")
    delivery = queued.delivery
    if delivery is None:
        words = "waits for the hours of its route" if queued.due_at > now else "waits"
        return Sending(queued.channel, "blue", words, queued.due_at if queued.due_at > now else None)
    repeat = ", possibly twice" if delivery.possible_repeat else ""
    return Sending(
        queued.channel,
        *{
            DeliveryState.WAITING: ("blue", "waits"),
            DeliveryState.SENDING: ("blue", "is being sent"),
            DeliveryState.SENT: ("green", f"sent{repeat}"),
            DeliveryState.UNKNOWN: ("orange", "may have arrived, and is sent again"),
            DeliveryState.FAILED: ("red", f"failed: {delivery.error}"),
        }[DeliveryState(delivery.state)],
        delivery.changed_at,
    )


@dataclass(frozen=True)
class HistoryLine:
    """One change of an alert, and where it was sent to."""

    message: Message
    sendings: list[Sending]

    @property
    def words(self) -> str:
        return CHANGES[Change(self.message.change)][0]

    @property
    def color(self) -> str:
        return CHANGES[Change(self.message.change)][1]

    @property
    def waits_for_routes(self) -> bool:
        return self.message.routed_at is None


def history_lines(messages: Iterable[Message], *, now: datetime) -> list[HistoryLine]:
    return [HistoryLine(message, [sending(queued, now=now) for queued in message.queued.all()]) for message in messages]


@dataclass(frozen=True)
class AlertPage:
    """One alert. `meaning` are the words of its code. `saved`: it was acknowledged just now."""

    alert: Alert
    meaning: str
    history: list[HistoryLine]
    saved: bool = False

    @property
    def is_closed(self) -> bool:
        return self.alert.state == AlertState.CLOSED

    @property
    def is_acknowledged(self) -> bool:
        return self.alert.state == AlertState.ACKNOWLEDGED

    @property
    def acknowledge_title(self) -> str:
        return "Acknowledge again" if self.is_acknowledged else "Acknowledge"
