"""Wording of the events of exports."""

from audit.event_lines import wording_register
from audit.models import Event


@wording_register("audit.exported")
def exported(event: Event) -> tuple[str, str]:
    if "first" in event.detail:
        return f"Events {event.detail['first']} to {event.detail['last']} exported with their checkpoints", "blue"
    return "A selection of events exported", "blue"
