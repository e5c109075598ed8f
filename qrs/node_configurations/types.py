"""Nodes as objects of this API (ServerNodeConfiguration)."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from audit.actors import Actor
from audit.models import Event
from certs.models import TrustZone
from nodes.models import Node
from qrs.cluster.types import cluster_condensed
from qrs.endpoints.types import Enumeration, privileges, time_text

PURPOSES = Enumeration("NodePurposeEnum", {"Production": 0, "Development": 1, "Both": 2}, ("ServerNodeConfiguration.NodePurpose",))
PURPOSE = PURPOSES.values["Both"]  # this product does not distinguish them
# Field of this API → service of a node.
SERVICES = {"engineEnabled": "engine", "proxyEnabled": "proxy", "printingEnabled": "printing", "schedulerEnabled": "scheduler"}
# The types of services, and the service of a node that has each. Every node has a repository service: its agent.
TYPES = Enumeration(
    "ServiceTypeEnum", {"Repository": 0, "Proxy": 1, "Scheduler": 2, "Engine": 3, "Printing": 5}, ("ServiceStatus.ServiceType",)
)
REPOSITORY = TYPES.values["Repository"]
PRIVILEGES = {
    "create": "nodes.add_node", "read": "nodes.view_node", "update": "nodes.change_node", "delete": "nodes.decommission_node",
}  # fmt: skip
SCHEMA = "ServerNodeConfiguration"


def nodes_present() -> "QuerySet[Node]":
    """The nodes in use, with the time and the actor of their last change. Steps of a registration are no changes of these objects."""
    events = Event.objects.filter(target_id=OuterRef("pk"))
    changed = events.filter(action="node.changed").order_by("-sequence")
    created = events.filter(action="node.created").order_by("-sequence")
    return (
        Node.objects.present()
        .annotate(
            modified_at=Coalesce(Subquery(changed.values("at")[:1]), F("created_at")),
            modified_by=Coalesce(Subquery(changed.values("actor")[:1]), Subquery(created.values("actor")[:1])),
        )
        .prefetch_related("tag_rows")
        .order_by("name", "pk")
    )


def service_id(node: uuid.UUID, type: int) -> uuid.UUID:
    """The id of a service of a node. The same function leads back, because services are no rows of their own."""
    return uuid.UUID(int=node.int ^ type)


def tag_id(tag: str) -> uuid.UUID:
    """The id of a tag here: tags are words, so it is derived from the word."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"urn:trust-zone:tag:{tag}")


def node_condensed(node: Node, zone: TrustZone, actor: Actor) -> dict[str, Any]:
    return {
        "id": str(node.pk), "name": node.name, "hostName": node.host_name, "temporaryfilepath": "", "roles": [],
        "serviceCluster": cluster_condensed(zone), "privileges": privileges(actor, PRIVILEGES),
    }  # fmt: skip


def node_json(node: Any, zone: TrustZone, actor: Actor) -> dict[str, Any]:
    """A node of `nodes_present`."""
    return {
        "id": str(node.pk), "createdDate": time_text(node.created_at), "modifiedDate": time_text(node.modified_at),
        "modifiedByUserName": node.modified_by or "", "customProperties": [], "name": node.name, "hostName": node.host_name,
        "isCentral": node.is_central, "nodePurpose": PURPOSE, **{name: service in node.services for name, service in SERVICES.items()},
        "schedulerReloadEnabled": False, "schedulerPreloadEnabled": False, "temporaryfilepath": "", "failoverCandidate": False,
        "serviceCluster": cluster_condensed(zone), "roles": [],
        "tags": [{"id": str(tag_id(tag)), "name": tag, "privileges": ["read"]} for tag in node.tags],
        "privileges": privileges(actor, PRIVILEGES), "schemaPath": SCHEMA,
    }  # fmt: skip


def services_of(fields: dict[str, Any], held: Iterable[str]) -> list[str]:
    """The services after a change: those that `fields` turn on or off, and all others as before."""
    after = list(held)
    for name, service in SERVICES.items():
        if name in fields:
            after = [other for other in after if other != service] + ([service] if fields[name] else [])
    return after
