"""Chat and on-call services, through Apprise. Only services whose hosts are fixed can be chosen."""

import logging
import re
from collections.abc import Mapping

from apprise import Apprise, NotifyFormat, NotifyType
from apprise.plugins.base import NotifyBase
from apprise.result import AppriseResult, AppriseResultStatus

from alerts.channels.chat.catalog import SERVICES
from alerts.channels.kinds import Field, Outgoing, kind_register
from alerts.errors import InputInvalid, NotSent
from attention.needs import Severity

TOTAL_S = 13.0
MARGIN = 20  # what Apprise keeps free between a title and a long text
TYPES = {Severity.CRITICAL: NotifyType.FAILURE, Severity.WARNING: NotifyType.WARNING, Severity.INFO: NotifyType.INFO}
CLOSED = "alert.closed"
ANSWERED = re.compile(r"\berror=(\d{3})\b")
# What requests and urllib3 call an attempt that ended before the request was sent.
NOT_CONNECTED = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeout|Tunnel connection failed|SSLCertVerificationError")
# Messages of these libraries have the URL, which is a secret. Apprise still collects its own for the result, at any level.
for library in ("apprise", "urllib3"):
    logging.getLogger(library).propagate = False
logging.getLogger("apprise").setLevel(logging.DEBUG)


class Chat:
    name = "chat"
    label = "Chat or on-call service"
    icon = "messages"
    explanation = "Sends alerts to Slack, Microsoft Teams, PagerDuty and similar services on the internet."
    sends_state_changes = False
    fields: tuple[Field, ...] = (
        Field(
            "service",
            "Service",
            "The console connects to the hosts of this service only.",
            choices={name: service.label for name, service in SERVICES.items()},
        ),
        Field(
            "url",
            "URL",
            "The URL for incoming messages that the service shows, or Apprise's URL for the service. It is kept secret. Examples: "
            + "; ".join(f"{service.label}: {service.example}" for service in SERVICES.values())
            + ".",
            is_secret=True,
        ),
    )

    def checked(self, values: Mapping[str, str]) -> dict[str, str]:
        """Raises: InputInvalid."""
        service, url = SERVICES[values["service"]], values["url"].strip()
        try:
            service.made(url, service.options("test", False))
        except (ValueError, TypeError) as exc:
            allowed = (
                f" It may have the arguments {', '.join(sorted(service.arguments))}." if service.arguments else " It has no arguments."
            )
            text = f"This is not a URL for one receiver at {service.label}. Enter {service.example}.{allowed} Write # as %23."
            raise InputInvalid({"url": [text]}) from exc
        return {**values, "url": url}

    def address(self, values: Mapping[str, str]) -> str:
        return SERVICES[values["service"]].label

    def send(self, values: Mapping[str, str], message: Outgoing) -> None:
        """Raises: NotSent."""
        service, is_closing = SERVICES[values["service"]], message.event_type == CLOSED
        # All messages about an alert belong to one incident.
        key = str(message.data.get("alert_id", message.event_id))
        try:
            plugin = service.made(values["url"], service.options(key, is_closing))
        except (ValueError, TypeError):  # the text can have a part of the URL
            raise NotSent(f"The URL is not one of {service.label} any more. Enter it again in the channel.") from None
        result = Apprise(plugin, asset=plugin.asset).notify(
            body=_body(plugin, message),
            title=message.title,
            notify_type=NotifyType.SUCCESS if is_closing else TYPES[message.severity],
            body_format=NotifyFormat.TEXT,
            timeout=TOTAL_S,
            log_level=logging.DEBUG,
        )
        if not result:
            raise _not_sent(service.label, result)


def _body(plugin: NotifyBase, message: Outgoing) -> str:
    """The text, shortened so that the address of the page fits too."""
    text, end = message.text, message.end
    room = plugin.body_maxlen - len(message.title) - len(end) - MARGIN
    if len(text) > room:
        text = f"{text[: max(room, 0)]}…"
    return "\n\n".join(part for part in (text, end) if part)


def _not_sent(label: str, result: AppriseResult) -> NotSent:
    """The logs of Apprise have the URL, so only the kind of failure is taken from them."""
    logs = "\n".join(entry.message for notified in result for attempt in notified for entry in attempt)
    if result.status == AppriseResultStatus.TIMEOUT:
        return NotSent(f"{label} did not answer within {TOTAL_S:.0f} s. Check that the central node can reach it.", may_have_arrived=True)
    if found := ANSWERED.search(logs):
        remedy = "The service limits messages." if found[1] == "429" else "Check the URL of the channel at the service."
        return NotSent(f"{label} answered HTTP {found[1]}. {remedy}")
    if NOT_CONNECTED.search(logs):
        return NotSent(f"No connection to {label}. Check DNS, the firewall, and HTTPS_PROXY if this site has a proxy for the internet.")
    return NotSent(
        f"{label} did not confirm the message. Check the URL of the channel at the service.", may_have_arrived="Socket Exception" in logs
    )


kind_register(Chat())
