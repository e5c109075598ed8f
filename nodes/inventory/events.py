"""Events of a node in words."""

from collections.abc import Iterator
from typing import Any

from audit.event_lines import wording_register
from audit.models import Event
from nodes.states import NodeState

ENTERED = {
    "issuing": ("Registration started: keys and certificates are being made", "blue"),
    "distributing": ("Certificates signed, package sealed", "green"),
    "awaiting_password": ("The node accepted the package; it waits for the password", "green"),
    "verifying": ("The password was typed and the node called home with its new certificate", "green"),
    "registered": ("Proved by handshake: chain, host name and role hold. Registered", "green"),
    "failed": ("Registration failed", "red"),
    "decommissioned": ("Decommissioned: its certificates are revoked", "grey"),
}


@wording_register("node.created")
def created(event: Event) -> tuple[str, str]:
    return "Created", "grey"


@wording_register("node.transition")
def transition(event: Event) -> tuple[str, str]:
    before, to = event.detail["from"], str(event.detail.get("to", ""))
    text, colour = ENTERED.get(to, (f"Became {to}", "grey"))
    return ("Its certificates ended", colour) if (before, to) == (NodeState.REGISTERED, NodeState.FAILED) else (text, colour)


@wording_register("node.changed")
def changed(event: Event) -> tuple[str, str]:
    return f"Changed: {'; '.join(_changes(event.detail['from'], event.detail['to']))}", "grey"


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Each changed field with its old and new value."""
    for name in sorted(after):
        old, new = (", ".join(value) if isinstance(value, list) else value for value in (before[name], after[name]))
        yield f"{name.replace('_', ' ')} from {old or 'none'} to {new or 'none'}"
