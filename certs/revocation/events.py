"""Wording of the events of revocation lists."""

from audit.event_lines import wording_register
from audit.models import Event
from web.words import counted


@wording_register("revocation_list.issued")
def issued(event: Event) -> tuple[str, str]:
    return f"Revocation list {event.detail['number']} signed, with {counted(event.detail['entries'], 'certificate')}", "blue"
