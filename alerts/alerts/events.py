"""The events of alerts in words."""

from audit.event_lines import wording_register
from audit.models import Event
from pki.core.clocks import parsed, stamp


@wording_register("alert.acknowledged")
def _acknowledged(event: Event) -> tuple[str, str]:
    until = event.detail["until"]
    return f"Acknowledged{f' until {stamp(parsed(until))}' if until else ''}", "blue"
