"""The lists of nodes that a rotation affects, and the format of their rows in files."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nodes.models import Node
from nodes.renewal.blocked_reason import READINESS, Readiness, blocked_texts
from nodes.rotations.filters import AffectedFilter
from web.lists.declared import Column, List


@dataclass(frozen=True)
class AffectedNode:
    """A node that must get new certificates. `reason` is why it cannot get them now, and what to do; empty if it can."""

    node: Node
    readiness: Readiness
    reason: str


class AffectedList(List):
    """The nodes that a rotation waits for, the worst first. The rows are those of `with_blocked`."""

    model = Node
    noun, caption = "node", "Nodes that get new certificates"
    empty = "No node has certificates yet."
    filters = AffectedFilter
    columns = (
        Column("node", "Node", "nodes/rotations/cell_node.html", sort="name"),
        Column("readiness", "New certificates", "nodes/rotations/cell_readiness.html", sort="blocked name"),
        Column("services", "Services", "nodes/rotations/cell_services.html"),
    )
    sort = "readiness"
    csv = ("node", "name", "host_name", "services", "readiness", "reason")

    def shown(self, rows: list[Node], now: datetime) -> list[AffectedNode]:
        texts = blocked_texts(rows)
        return [AffectedNode(row, READINESS[row.blocked], texts[row.pk]) for row in rows]  # type: ignore[attr-defined]

    def json(self, rows: list[Node], now: datetime) -> list[dict[str, Any]]:
        return [
            {
                "node": str(row.node.pk), "name": row.node.name, "host_name": row.node.host_name, "services": row.node.services,
                "readiness": row.readiness.value, "reason": row.reason,
            }
            for row in self.shown(rows, now)
        ]  # fmt: skip
