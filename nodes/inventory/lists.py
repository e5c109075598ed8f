"""The list of nodes, and the format of its rows in the API and in files."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import prefetch_related_objects
from django.urls import reverse

from certs.certificates.lists import certificate_json
from certs.models import Certificate
from nodes.inventory.agents import is_older
from nodes.inventory.filters import NodeFilter
from nodes.inventory.health import with_health
from nodes.models import Node
from web.lists.declared import Column, List, Quick
from web.lists.registry import ListPlace, list_register

PLAIN = (
    "name", "host_name", "address", "distribution_port", "node_port", "subject_alternative_names", "services", "tags", "notes", "state", "state_reason",
)  # fmt: skip


def nodes_json(nodes: Sequence[Node], now: datetime) -> list[dict[str, Any]]:
    """Nodes in their pinned form, with what they hold; one query for all certificates, and one for all tags."""
    prefetch_related_objects(nodes, "tag_rows")
    held: dict[uuid.UUID | None, list[Certificate]] = {}
    for certificate in Certificate.objects.summaries().filter(holder_id__in=[node.pk for node in nodes]).order_by("-created_at"):
        held.setdefault(certificate.holder_id, []).append(certificate)
    return [_node_json(node, held.get(node.pk, []), now) for node in nodes]


def _node_json(node: Node, certificates: list[Certificate], now: datetime) -> dict[str, Any]:
    seen = node.observed
    return {
        "id": str(node.pk),
        **{name: getattr(node, name) for name in PLAIN},
        "online": node.online(now),
        "clock_offset_s": node.clock_offset_s,
        "agent_version": seen.version if seen else "",
        "agent_system": seen.system if seen else "",
        "certificates": [certificate_json(certificate, now) for certificate in certificates],
        "events_url": reverse("node-events", args=[node.pk]),
    }


class NodeList(List):
    name = "nodes"
    model = Node
    noun, caption = "node", "Nodes"
    empty = "No nodes yet. Register the first node."
    filters = NodeFilter
    columns: ClassVar[Sequence[Column]] = (
        Column("name", "Node", "nodes/inventory/cell_name.html", sort="name"),
        Column("state", "State", "nodes/inventory/cell_state.html", sort="state"),
        Column("seen", "Last call", "nodes/inventory/cell_seen.html", sort="observation__last_seen_at", term="heartbeat"),
        Column("address", "Address", "nodes/inventory/cell_address.html", sort="address"),
        Column("agent", "Agent", "nodes/inventory/cell_agent.html", sort="observation__version", term="agent"),
        Column("services", "Services", "nodes/inventory/cell_services.html"),
        Column("tags", "Tags", "nodes/inventory/cell_tags.html"),
    )
    quick = (
        Quick("All"), Quick("Need attention", "attention=any"), Quick("Silent", "attention=node-silent"),
        Quick("Waiting for a password", "state=awaiting_password"), Quick("Failed", "state=failed"), Quick("Older agent", "agent=older"),
    )  # fmt: skip
    sort = "name"
    csv = ("id", *PLAIN, "online", "clock_offset_s", "agent_version", "agent_system")
    api_size = 20  # each row has all certificates of its node
    reasons = ("state_reason",)

    def shown(self, rows: list[Node], now: datetime) -> list[Node]:
        """With their health and tags, which only these rows need."""
        prefetch_related_objects(rows, "tag_rows")
        health = dict(with_health(Node.objects.filter(pk__in=[row.pk for row in rows]), now=now).values_list("pk", "health"))
        for row in rows:
            row.health = health[row.pk]  # type: ignore[attr-defined]
            row.has_older_agent = row.observed is not None and is_older(row.observed.version)  # type: ignore[attr-defined]
        return rows

    def json(self, rows: list[Node], now: datetime) -> list[dict[str, Any]]:
        return nodes_json(rows, now)


list_register(ListPlace(NodeList, lambda now: Node.objects.with_report(), "nodes:list", "nodes.view_node"))
