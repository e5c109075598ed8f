"""Wording of the events of connections."""

from audit.event_lines import wording_register
from audit.models import Event
from audit.object_pages import object_page_register
from nodes.models import Connection
from web.words import listed

object_page_register(Connection.objects.all(), "connections:edit")

WORDS = {"connection_string": "connection string"}


@wording_register("connection.created", "connection.deleted")
def existence(event: Event) -> tuple[str, str]:
    done, color = ("created", "green") if event.action == "connection.created" else ("deleted", "grey")
    return f"Connection {done} ({event.detail['type']})", color


@wording_register("connection.changed")
def changed(event: Event) -> tuple[str, str]:
    return f"Connection changed: {listed([WORDS.get(name, name) for name in event.detail['fields']])}", "blue"
