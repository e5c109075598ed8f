"""The lists of deployments and of the cluster certificate on nodes, and the formats of their rows in the API and in files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from certs.models import Certificate, Deployment
from nodes.cluster.filters import ClusterFilter, DeploymentFilter
from nodes.cluster.services import ClusterNode, cluster_nodes
from nodes.models import Node
from web.lists.counts import Computed
from web.lists.declared import Column, List

DEPLOYMENT = ("name", "api_address", "audience", "created_at", "changed_at")


def deployments_json(deployments: Sequence[Deployment]) -> list[dict[str, Any]]:
    """Deployments in their pinned form."""
    return [{"id": str(deployment.pk), **{name: getattr(deployment, name) for name in DEPLOYMENT}} for deployment in deployments]


def cluster_node_json(cluster_node: ClusterNode) -> dict[str, Any]:
    """The cluster certificate on one node."""
    return {
        "node": str(cluster_node.node.pk), "name": cluster_node.node.name, "present": cluster_node.present, "current": cluster_node.current,
        "sha256": cluster_node.held.sha256 if cluster_node.held else None, "proved_at": cluster_node.proved_at,
        "ticked_at": cluster_node.node.cluster_ticked_at if cluster_node.ticked else None, "verified": cluster_node.verified,
    }  # fmt: skip


class DeploymentList(List):
    model = Deployment
    noun, caption = "deployment", "Deployments"
    filters = DeploymentFilter
    orders = {"name": ("name",)}
    sort = "name"

    def json(self, rows: list[Deployment], now: datetime) -> list[dict[str, Any]]:
        return deployments_json(rows)


class ClusterList(List):
    """The rows are those of `with_cluster_state`."""

    model = Node
    noun, caption = "node", "The cluster certificate on each node"
    empty = "No nodes are registered yet."
    filters = ClusterFilter
    columns: ClassVar[Sequence[Column]] = (
        Column("node", "Node", "nodes/cluster/cell_node.html", sort="name"),
        Column("state", "State", "nodes/cluster/cell_state.html", sort="cluster_state"),
        Column("held", "Certificate", "nodes/cluster/cell_held.html"),
        Column("proved_at", "Last proof", "nodes/cluster/cell_proved.html", term="proof"),
    )
    sort = "node"
    csv = ("node", "name", "present", "current", "sha256", "proved_at", "ticked_at", "verified")

    def __init__(self, in_force: Certificate, ranks: Computed | None = None) -> None:
        super().__init__(computed=ranks)
        self.in_force = in_force

    def shown(self, rows: list[Node], now: datetime) -> list[ClusterNode]:
        return cluster_nodes(rows, in_force=self.in_force)

    def json(self, rows: list[Node], now: datetime) -> list[dict[str, Any]]:
        return [cluster_node_json(row) for row in self.shown(rows, now)]


class ManualList(ClusterList):
    """By default, first the nodes without the certificate, then those that have not proved it."""

    caption = "Manual configuration of each node"
    columns = (
        Column("node", "Node", "nodes/cluster/cell_node.html", sort="name"),
        Column("state", "State", "nodes/cluster/cell_state.html", sort="cluster_rank name"),
        Column("ticked", "By hand", "nodes/cluster/cell_ticked.html"),
        Column("deliver", "By renewal", "nodes/cluster/cell_deliver.html"),
    )
    sort = "state"
