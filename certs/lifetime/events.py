"""Wording of the events of the lifetime setting."""

from audit.event_lines import wording_register
from audit.models import Event


@wording_register("lifetime.set")
def changed(event: Event) -> tuple[str, str]:
    return f"Lifetime of certificates changed from {event.detail['from']} to {event.detail['to']} months", "blue"
