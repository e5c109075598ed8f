"""How often nodes call now, among the settings of the site."""

from collections.abc import Iterator

from nodes.inventory.counts import regular_interval_now
from nodes.inventory.intervals import PENDING_S
from web.site_settings import Group, Setting, settings_register


@settings_register("nodes.view_node")
def settings() -> Iterator[Setting]:
    yield Setting(
        "calls-now", Group.NODES, "Calls of nodes now", "How often each node calls. It follows from the two limits, the number of nodes and the load.",
        f"every {regular_interval_now()} s, and every {PENDING_S} s while something waits for a node", order=60,
    )  # fmt: skip
