"""The lists of nodes that a rotation affects, and the format of their rows in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from certs.models import DatabaseKey
from nodes.models import Node
from nodes.rotations.affected_nodes import AffectedNode, with_reasons
from nodes.rotations.database_key import proved_at
from nodes.rotations.filters import AffectedFilter, ReaderFilter
from web.lists.declared import Column, List


class AffectedList(List):
    """The nodes that a rotation waits for, the worst first. The rows are those of `with_blocked`."""

    model = Node
    noun, caption = "node", "Nodes that get new certificates"
    empty = "No node has certificates yet."
    filters = AffectedFilter
    columns: ClassVar[Sequence[Column]] = (
        Column("node", "Node", "nodes/rotations/cell_node.html", sort="name"),
        Column("readiness", "New certificates", "nodes/rotations/cell_readiness.html", sort="blocked name"),
        Column("services", "Services", "nodes/rotations/cell_services.html"),
    )
    sort = "readiness"
    csv: ClassVar[Sequence[str]] = ("node", "name", "host_name", "services", "readiness", "reason")

    def shown(self, rows: list[Node], now: datetime) -> list[Any]:
        return with_reasons(rows)

    def json(self, rows: list[Node], now: datetime) -> list[dict[str, Any]]:
        return [affected_json(row) for row in with_reasons(rows)]


def affected_json(row: AffectedNode) -> dict[str, Any]:
    return {
        "node": str(row.node.pk), "name": row.node.name, "host_name": row.node.host_name, "services": row.node.services,
        "readiness": row.readiness.value, "reason": row.reason,
    }  # fmt: skip


@dataclass(frozen=True)
class Reader(AffectedNode):
    """A node that must read encrypted fields, and when it last proved that it has each version of the database key (None: not yet)."""

    proved: list[tuple[datetime | None, DatabaseKey]]


class ReaderList(AffectedList):
    """The nodes that must have these versions of the database key. The rows are those of `with_proofs`."""

    caption = "The versions of the database key that each node has"
    filters = ReaderFilter
    columns = (
        Column("node", "Node", "nodes/rotations/cell_node.html", sort="name"),
        Column("proved", "Versions", "nodes/rotations/database_key/cell_proved.html", sort="lacks name"),
        Column("readiness", "New certificates", "nodes/rotations/cell_readiness.html", sort="blocked name"),
    )
    csv = ("node", "name", "host_name", "services", "proved", "readiness", "reason")

    def __init__(self, versions: Sequence[DatabaseKey]) -> None:
        super().__init__()
        self.versions = versions

    def shown(self, rows: list[Node], now: datetime) -> list[Reader]:
        return [Reader(row.node, row.readiness, row.reason, proofs(row.node, self.versions)) for row in with_reasons(rows)]

    def json(self, rows: list[Node], now: datetime) -> list[dict[str, Any]]:
        return [affected_json(row) | {"proved": {str(version.version): at for at, version in row.proved}} for row in self.shown(rows, now)]


def proofs(node: Node, versions: Sequence[DatabaseKey]) -> list[tuple[datetime | None, DatabaseKey]]:
    """When the node last proved that it has each of `versions`."""
    found = [(proved_at(node, version), version) for version in versions]
    return [(datetime.fromisoformat(at) if at else None, version) for at, version in found]
