"""The events of alerts in words."""

from audit.event_lines import wording_register
from audit.models import Event


@wording_register("alert.acknowledged")
def _acknowledged(event: Event) -> tuple[str, str]:
    until = event.detail["until"]
    return f"acknowledged{' until ' + until if until else ''}", "blue"
