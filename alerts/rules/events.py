"""Wording of the events of rules."""

from audit.event_lines import wording_register
from audit.models import Event

WORDS = {"thresholds": "expiry thresholds", "watchdog_url": "watchdog URL"}


@wording_register("rules.changed")
def changed(event: Event) -> tuple[str, str]:
    return f"Rules of alerts changed: {', '.join(WORDS[name] for name in WORDS if name in event.detail)}", "blue"
