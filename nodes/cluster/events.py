"""Events of the cluster certificate on a node, in words."""

from audit.event_lines import wording_register
from audit.models import Event


@wording_register("cluster.ticked", "cluster.unticked")
def ticked(event: Event) -> tuple[str, str]:
    taken = "" if event.action == "cluster.ticked" else ", and no longer"
    return f"Somebody says that the cluster certificate was imported there by hand{taken}", "grey"
