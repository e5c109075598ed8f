"""The list of nodes that a revocation affects, and the format of its rows in files."""

from datetime import datetime
from typing import Any

from certs.models import Certificate
from nodes.models import Node
from nodes.revocation.filters import TouchedFilter
from nodes.revocation.view_models import Touched, touched_by
from web.lists.declared import Column, List


class TouchedList(List):
    """The rows are those of `nodes_touched`."""

    model = Node
    noun, caption = "node", "Nodes that use the certificate"
    empty = "No node of this site uses this certificate."
    filters = TouchedFilter
    columns = (
        Column("node", "Node", "nodes/revocation/cell_node.html", sort="name"),
        Column("presents", "Certificate", "nodes/revocation/cell_presents.html"),
        Column("follows", "What follows", empty="nothing"),
    )
    sort = "node"
    csv = ("node", "name", "host_name", "certificate", "what_follows")

    def __init__(self, certificate: Certificate) -> None:
        super().__init__()
        self.certificate = certificate

    def shown(self, rows: list[Node], now: datetime) -> list[Touched]:
        return [touched_by(self.certificate, node, now=now) for node in rows]

    def json(self, rows: list[Node], now: datetime) -> list[dict[str, Any]]:
        return [
            {
                "node": str(touched.node.pk), "name": touched.node.name, "host_name": touched.node.host_name, "certificate": touched.presents,
                "what_follows": touched.follows,
            }
            for touched in self.shown(rows, now)
        ]  # fmt: skip
