"""Wording of the events of key types."""

from audit.event_lines import wording_register
from audit.models import Event


@wording_register("key_types.set")
def changed(event: Event) -> tuple[str, str]:
    types = [f"{kind} from {change['from']} to {change['to']}" for kind, change in event.detail.items()]
    return f"Types of new keys changed: {', '.join(types)}", "blue"
