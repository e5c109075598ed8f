"""Chat and on-call services, through Apprise. Only services whose hosts are fixed can be chosen."""

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

from alerts.channels.chat.catalog import SERVICES
from alerts.channels.kinds import Field, Outgoing, kind_register
from alerts.errors import InputInvalid, NotSent

CLOSED = "alert.closed"


def _plugins() -> ModuleType:
    """The plugins of Apprise, imported when they are first needed."""
    return import_module("alerts.channels.chat.plugins")


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
            "The URL for incoming messages that the service shows, or Apprise's URL for the service. It is kept secret.",
            is_secret=True,
            examples={service.label: service.example for service in SERVICES.values()},
        ),
    )

    def checked(self, values: Mapping[str, str]) -> dict[str, str]:
        """Raises: InputInvalid."""
        service, url = SERVICES[values["service"]], values["url"].strip()
        try:
            _plugins().plugin_made(service, url, service.options("test", False))
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
            plugin = _plugins().plugin_made(service, values["url"], service.options(key, is_closing))
        except (ValueError, TypeError):  # the text can have a part of the URL
            raise NotSent(f"The URL is not one of {service.label} any more. Enter it again in the channel.") from None
        _plugins().notify(plugin, service.label, message, is_closing=is_closing)


kind_register(Chat())
