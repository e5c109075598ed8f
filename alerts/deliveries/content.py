"""What a channel is sent: one alert, or a digest of several. The same words for every channel."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse

from alerts.channels.kinds import Outgoing
from alerts.models import Alert, Message
from alerts.states import Change
from attention.needs import RANK, Severity
from certs.models import TrustZone
from certs.zone.services import console_url
from pki.core import clocks
from web.words import counted

MOST_LISTED, MOST_OF_A_CODE = 20, 5
MOST_FOR_PROGRAMS = 500
HEADS = {
    Change.OPENED: "", Change.ESCALATED: "More severe: ", Change.REMINDED: "Still open: ", Change.ACKNOWLEDGED: "Acknowledged: ",
    Change.RESUMED: "Acknowledgement ended: ", Change.CLOSED: "Closed: ", Change.RETURNED: "Returned: ",
}  # fmt: skip
ENDS = (Change.CLOSED, Change.ACKNOWLEDGED)


def console_address() -> str:
    """Where people open the console; empty if nobody has entered its address."""
    return console_url(TrustZone.objects.current())


def page_url(console: str, view: str, *args: object) -> str:
    """The address of a page of the console at the address `console`; empty if that is empty."""
    return console + reverse(view, args=args) if console else ""


def severity_word(message: Message) -> str:
    return {Severity.CRITICAL: "Critical", Severity.WARNING: "Warning", Severity.INFO: "Information"}[Severity(message.severity)]


def headline(message: Message) -> str:
    """One line about a message."""
    head = HEADS[Change(message.change)]
    return f"{head or severity_word(message) + ': '}{message.title}"


def lines(message: Message, alert: Alert, now: datetime) -> list[str]:
    """The text of a message about one alert."""
    change, found = Change(message.change), []
    if change == Change.CLOSED:
        found.append(message.remedy or "The cause is gone.")
        found.append(f"The alert was open for {clocks.length(message.at - alert.opened_at)} and is closed now.")
    elif change == Change.ACKNOWLEDGED:
        until = f" until {clocks.stamp(alert.acknowledged_until)}" if alert.acknowledged_until else " until it is closed"
        found.append(f"{message.actor} works on it. No reminders are sent{until}.")
        found += [f"Note: {message.note}"] if message.note else []
    else:
        found += [message.text, f"What to do: {message.remedy}" if message.remedy else ""]
    if change in (Change.REMINDED, Change.ESCALATED, Change.RESUMED):
        found.append(f"It is open since {clocks.stamp(alert.opened_at)}.")
    if alert.returns and change not in ENDS:
        found.append(f"The cause has come back {counted(alert.returns, 'time')}.")
    if now - message.at > clocks.AGREE:
        found.append(f"This happened at {clocks.stamp(message.at)}.")
    return [line for line in found if line]


def alert_data(message: Message, alert: Alert, console: str) -> dict[str, Any]:
    """A message about an alert for programs."""
    return {
        "alert_id": str(alert.pk), "change": message.change, "at": message.at.isoformat(), "code": alert.code, "subject": alert.subject, "key": alert.key,
        "severity": message.severity, "title": message.title, "text": message.text, "remedy": message.remedy, "opened_at": alert.opened_at.isoformat(),
        "threshold_days": alert.threshold_days, "returns": alert.returns, "url": page_url(console, "alerts:detail", alert.pk),
        "acknowledged_by": message.actor if message.change == Change.ACKNOWLEDGED else "", "note": message.note,
    }  # fmt: skip


def outgoing(
    messages: Sequence[tuple[Message, Alert]], *, event_id: uuid.UUID, console: str, now: datetime, possible_repeat: bool = False
) -> Outgoing:
    """One event for a channel: about one alert, or a digest with the most severe first. `console` is what `console_address` answers."""
    if len(messages) == 1:
        message, alert = messages[0]
        return Outgoing(
            event_id, f"alert.{message.change}", message.at, Severity(message.severity), alert.subject, headline(message),
            "\n".join(lines(message, alert, now)), page_url(console, "alerts:detail", alert.pk), alert_data(message, alert, console), possible_repeat,
        )  # fmt: skip
    ordered = sorted(messages, key=lambda pair: (pair[0].change in ENDS, RANK[Severity(pair[0].severity)], pair[0].at))
    worst = min((Severity(message.severity) for message, _ in messages), key=lambda severity: RANK[severity])
    data: Mapping[str, Any] = {
        "count": len(messages),
        "alerts": [alert_data(message, alert, console) for message, alert in ordered[:MOST_FOR_PROGRAMS]],
    }
    return Outgoing(
        event_id, "alert.digest", now, worst, "", digest_title([message for message, _ in ordered]), "\n".join(_digest_lines(ordered)),
        page_url(console, "alerts:list"), data, possible_repeat,
    )  # fmt: skip


def digest_title(messages: Sequence[Message]) -> str:
    """How many alerts, and of which kinds."""
    counts = [
        (sum(message.severity == severity and message.change not in ENDS for message in messages), label)
        for severity, label in ((Severity.CRITICAL, "critical"), (Severity.WARNING, "warning"), (Severity.INFO, "information"))
    ]
    counts += [(sum(message.change == change for message in messages), change.label.lower()) for change in ENDS]
    return f"{len(messages)} alerts: " + ", ".join(f"{count} {label}" for count, label in counts if count)


def _digest_lines(ordered: Sequence[tuple[Message, Alert]]) -> list[str]:
    """A line for each alert with its remedy, at most MOST_OF_A_CODE for each code and change and MOST_LISTED in all, and how many more there are."""
    found, of_kind, listed = [], dict[tuple[str, str], int](), 0
    more: dict[tuple[str, str], int] = {}
    for message, alert in ordered:
        kind = (message.change, alert.code)
        of_kind[kind] = of_kind.get(kind, 0) + 1
        if of_kind[kind] > MOST_OF_A_CODE or listed >= MOST_LISTED:
            more[kind] = more.get(kind, 0) + 1
            continue
        listed += 1
        remedy = f" {message.remedy}" if message.change not in ENDS and of_kind[kind] == 1 else ""
        found.append(f"- {headline(message)}.{remedy} ({clocks.stamp(message.at)})")
    found += [f"- and {count} more of the kind {code} ({Change(change).label.lower()})" for (change, code), count in more.items()]
    return found


def test_message(event_id: uuid.UUID, channel: str, actor: str, console: str, now: datetime) -> Outgoing:
    """What the test button sends."""
    text = f"{actor} pressed the test button of the channel “{channel}”. Alerts of the trust zone arrive here."
    return Outgoing(
        event_id,
        "test",
        now,
        Severity.INFO,
        "",
        "Test message: nothing is wrong",
        text,
        page_url(console, "alerts:list"),
        {"channel": channel},
    )
