"""Wording of the events of the console's addresses."""

from audit.event_lines import wording_register
from audit.models import Event
from web.words import listed

NAMES = {"base_url": "base URL", "allowed_hosts": "allowed hosts", "trusted_origins": "trusted origins"}


@wording_register("console_names.set")
def changed(event: Event) -> tuple[str, str]:
    return f"Addresses of the console changed: {listed([NAMES[name] for name in NAMES if name in event.detail])}", "blue"
