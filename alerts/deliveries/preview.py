"""Who would get an alert, when, and what would be sent. Nothing is stored or sent."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.channels.kinds import KINDS, Outgoing
from alerts.deliveries.content import console_address, outgoing
from alerts.errors import InputInvalid
from alerts.models import Alert, Channel, Message, Route
from alerts.routes.matching import Routed, known_routes, routed
from alerts.states import Change
from attention.needs import CODES, Severity

FARTHEST = timedelta(days=366)


@dataclass(frozen=True)
class Receiver:
    """A channel that gets the alert at `routed.due_at`, and the message for it."""

    routed: Routed
    at: datetime
    message: Outgoing

    @property
    def channel(self) -> Channel:
        return self.routed.channel

    @property
    def reason(self) -> str:
        route = self.routed.route
        return route.sentence if route else "It has no route, so it gets all warnings and critical alerts."

    @property
    def waits(self) -> bool:
        return self.routed.due_at > self.at

    @property
    def text(self) -> str:
        """The message for people."""
        return "\n".join([self.message.title, "", self.message.text, self.message.url]).rstrip()

    @property
    def data(self) -> str:
        """What programs get; empty for people."""
        kind = KINDS.get(self.channel.kind)
        if kind is None or not kind.sends_state_changes:
            return ""
        return json.dumps({"type": self.message.event_type, "subject": self.message.subject, "data": self.message.data}, indent=2)


@dataclass(frozen=True)
class Preview:
    """`example` says whether the text is made up, because no alert of this code was ever open. `others` are channels that do not get it, and why."""

    code: str
    severity: Severity
    at: datetime
    example: bool
    receivers: list[Receiver]
    others: list[tuple[Channel, str]]

    @property
    def title(self) -> str:
        if not self.receivers:
            return "Nobody would be notified"
        return "This channel would get it" if len(self.receivers) == 1 else f"These {len(self.receivers)} channels would get it"


def _sample(code: str, severity: Severity, at: datetime) -> tuple[Message, Alert, bool]:
    """A message that an alert of this code was opened, with the texts of the last such alert if there is one."""
    last = Alert.objects.filter(code=code).first()
    facts = {name: getattr(last, name) for name in ("title", "text", "remedy", "subject", "url")} if last else {
        "title": f"Example: {CODES[code]}", "text": "Here is what happened, and why.", "remedy": "Here is what to do.", "subject": "example",
    }  # fmt: skip
    alert = Alert(code=code, severity=severity, opened_at=at, changed_at=at, **facts)
    texts = {name: facts[name] for name in ("title", "text", "remedy")}
    return Message(alert=alert, number=0, change=Change.OPENED, at=at, severity=severity, **texts), alert, last is None


def _reason(channel: Channel, routes: list[Route]) -> str:
    if not channel.enabled:
        return "it is off"
    if any(route.channel_id == channel.pk for route in routes):
        return "none of its routes takes this alert"
    return "it has no route, so it gets warnings and critical alerts only"


def preview(*, code: str, severity: Severity, at: datetime, now: datetime) -> Preview:
    """In a fixed number of queries. Raises: InputInvalid."""
    if abs(at - now) > FARTHEST:
        raise InputInvalid({"at": [f"Give a time that is at most {FARTHEST.days} days from now."]})
    message, alert, example = _sample(code, severity, at)
    channels = list(Channel.objects.defer("secrets"))
    routes = known_routes(channels)
    chosen = routed(channels, routes, code=code, subject=alert.subject, severity=severity, at=at)
    console, facts = console_address(), [(message, alert)]
    receivers = [
        Receiver(target, at, outgoing(facts, event_id=uuid.uuid4(), console=console, now=max(target.due_at, at))) for target in chosen
    ]
    taken = {target.channel.pk for target in chosen}
    others = [(channel, _reason(channel, routes)) for channel in channels if channel.pk not in taken]
    return Preview(code, severity, at, example, receivers, others)
