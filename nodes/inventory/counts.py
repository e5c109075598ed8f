"""The number of nodes, and the central node. A page reads them once."""

from dataclasses import dataclass

from django.db.models import Count

from attention.once import once
from nodes.calls.services import call_limits
from nodes.inventory.intervals import load_now, regular_interval
from nodes.models import Node
from nodes.states import NodeState


@dataclass(frozen=True)
class NodeCounts:
    """The nodes that are not decommissioned. `others` counts the nodes besides the central node, `once_registered` those that were registered once."""

    by_state: dict[str, int]
    others: int
    once_registered: int

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def registered(self) -> int:
        return self.by_state.get(NodeState.REGISTERED, 0)

    @property
    def awaiting_password(self) -> int:
        return self.by_state.get(NodeState.AWAITING_PASSWORD, 0)

    @property
    def failed(self) -> int:
        return self.by_state.get(NodeState.FAILED, 0)

    @property
    def explanation(self) -> str:
        if self.awaiting_password or self.failed:
            return f"{self.awaiting_password} awaiting password · {self.failed} failed"
        return "none is waiting, none failed"


@once
def node_counts() -> NodeCounts:
    """One query."""
    by_state: dict[str, int] = {}
    others = once_registered = 0
    rows = Node.objects.present().order_by().values_list("state", "is_central").annotate(Count("pk"), Count("registered_at"))
    for state, is_central, count, registered in rows:
        by_state[state] = by_state.get(state, 0) + count
        others += 0 if is_central else count
        once_registered += registered
    return NodeCounts(by_state, others, once_registered)


def regular_interval_now() -> int:
    """Seconds between the calls of a node on this site now."""
    return regular_interval(node_counts().total, limits=call_limits(), load=load_now())


@once
def central_node() -> Node | None:
    """The central node; None before it is made."""
    return Node.objects.filter(is_central=True).first()
