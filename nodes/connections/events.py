"""Wording of the events of connections."""

from audit.event_lines import wording_register
from audit.models import Event
from web.words import listed

WORDS = {"connection_string": "connection string"}


@wording_register("connection.created", "connection.deleted")
def existence(event: Event) -> tuple[str, str]:
    done, color = ("created", "green") if event.action == "connection.created" else ("deleted", "grey")
    return f"Connection {done} ({event.detail['type']})", color


@wording_register("connection.changed")
def changed(event: Event) -> tuple[str, str]:
    return f"Connection changed: {listed([WORDS.get(name, name) for name in event.detail['fields']])}", "blue"
