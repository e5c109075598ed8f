"""Wording of the events of roots."""

from audit.event_lines import wording_register
from audit.models import Event
from web.words import counted


@wording_register("rotation.by_itself")
def automatic(event: Event) -> tuple[str, str]:
    return f"Automatic rotation of the root turned {'on' if event.detail['to'] else 'off'}", "blue"


@wording_register("root_passphrase.rotated")
def passphrase(event: Event) -> tuple[str, str]:
    return f"Root passphrase replaced. {counted(event.detail['roots'], 'root key')} encrypted with the new one", "blue"
