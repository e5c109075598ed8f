"""Wording of the events of the cluster certificate on a node."""

from audit.event_lines import wording_register
from audit.models import Event


@wording_register("cluster.ticked", "cluster.unticked")
def ticked(event: Event) -> tuple[str, str]:
    done = "marked as imported" if event.action == "cluster.ticked" else "no longer marked as imported"
    return f"Cluster certificate {done} by hand", "grey"
