"""Wording of the events of the database key."""

from audit.event_lines import wording_register
from audit.models import Event

ENTERED = {
    "delivered": ("The central node has this database key. Other nodes get it", "blue"),
    "writing": ("New values are encrypted with this database key", "green"),
    "reading": ("Another database key encrypts new values", "grey"),
    "retired": ("Database key retired", "grey"),
}


@wording_register("database_key.transition")
def transition(event: Event) -> tuple[str, str]:
    return ENTERED[event.detail["to"]]
