"""Wording of the events of a node."""

from collections.abc import Iterator
from typing import Any

from audit.event_lines import wording_register
from audit.models import Event
from audit.object_pages import object_page_register
from nodes.models import Node
from nodes.states import NodeState

object_page_register(Node.objects.all(), "nodes:detail")

ENTERED = {
    "issuing": ("Registration started: the keys and certificates are being created", "blue"),
    "distributing": ("Certificates signed and package encrypted", "green"),
    "awaiting_password": ("The node accepted the package and waits for the password", "green"),
    "verifying": ("The password was entered, and the node called with its new certificate", "green"),
    "registered": ("Registered: a TLS handshake verified the chain, host name and role", "green"),
    "failed": ("Registration failed", "red"),
    "decommissioned": ("Decommissioned: all its certificates were revoked", "grey"),
}


@wording_register("node.created")
def created(event: Event) -> tuple[str, str]:
    return "Created", "grey"


@wording_register("node.transition")
def transition(event: Event) -> tuple[str, str]:
    before, to = event.detail["from"], str(event.detail.get("to", ""))
    text, color = ENTERED.get(to, (f"Became {to}", "grey"))
    return ("Its certificates are no longer accepted", color) if (before, to) == (NodeState.REGISTERED, NodeState.FAILED) else (text, color)


@wording_register("node.changed")
def changed(event: Event) -> tuple[str, str]:
    return f"Changed: {'; '.join(_changes(event.detail['from'], event.detail['to']))}", "grey"


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Each changed field with its old and new value, but for notes."""
    for name in sorted(after):
        if name == "notes":  # they can be long, and the event has them
            yield "the notes"
            continue
        old, new = (", ".join(value) if isinstance(value, list) else value for value in (before[name], after[name]))
        yield f"{name.replace('_', ' ')} from {old or 'none'} to {new or 'none'}"
