"""Wording of the events of the limits of calls."""

from audit.event_lines import wording_register
from audit.models import Event

WORDS = {"least_s": "shortest", "most_s": "longest"}


@wording_register("calls.set")
def changed(event: Event) -> tuple[str, str]:
    limits = [f"{WORDS.get(name, name)} from {change['from']} to {change['to']} s" for name, change in event.detail.items()]
    return f"Time between the calls of a node changed: {', '.join(limits)}", "blue"
