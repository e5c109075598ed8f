"""Wording of the events of the central node."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from nodes.central.repair import REPAIRED, STARTED

words_register(
    {
        STARTED: ("Repair of the central node started", "orange"),
        REPAIRED: ("Central node repaired", "green"),
    }
)


@wording_register("zone.renamed")
def renamed(event: Event) -> tuple[str, str]:
    return f"Trust zone renamed from {event.detail['from']} to {event.detail['to']}", "orange"
