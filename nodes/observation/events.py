"""Events of calls in words."""

from audit.event_lines import wording_register
from audit.models import Event
from nodes.models import CallerFinding


@wording_register("node.caller_found", "node.callers_settled")
def callers(event: Event) -> tuple[str, str]:
    if event.action == "node.callers_settled":
        return "Resolved: only one machine calls as this node", "grey"
    return f"From {event.detail['address'] or 'an unknown address'}: {CallerFinding.Kind(event.detail['kind']).label}", "red"
