"""Wording of the events of routes."""

from audit.event_lines import wording_register
from audit.models import Event

WORDS = {
    "route.created": ("Route created", "green"),
    "route.changed": ("Route changed", "blue"),
    "route.deleted": ("Route deleted", "grey"),
}


@wording_register(*WORDS)
def route(event: Event) -> tuple[str, str]:
    return WORDS[event.action]
