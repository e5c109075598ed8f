"""/qrs/selection: the objects that a filter finds, as a selection. It is not stored, so it cannot be used again."""

import uuid
from collections.abc import Callable, Iterator

from django.utils import timezone

from qrs.cluster.api import clusters_found
from qrs.cluster.types import NAME
from qrs.conventions.answers import Answer
from qrs.endpoints.registry import Call, endpoint
from qrs.endpoints.types import time_text
from qrs.errors import NotHere
from qrs.node_configurations.api import nodes_found
from qrs.node_configurations.types import service_id
from qrs.service_status.api import services_found

Item = tuple[uuid.UUID, str]


def _nodes(call: Call) -> Iterator[Item]:
    return ((node.pk, node.name) for node in nodes_found(call))


def _services(call: Call) -> Iterator[Item]:
    return ((service_id(service.node.pk, service.type), service.node.name) for service in services_found(call))


def _clusters(call: Call) -> Iterator[Item]:
    return ((zone.pk, NAME) for zone in clusters_found(call))


TYPES: dict[str, tuple[str, Callable[[Call], Iterator[Item]]]] = {
    "servernodeconfiguration": ("ServerNodeConfiguration", _nodes), "servicestatus": ("ServiceStatus", _services),
    "servicecluster": ("ServiceCluster", _clusters),
}  # fmt: skip


@endpoint("POST", "selection/{type}", takes_filter=True)
def select(call: Call) -> Answer:
    """The ids and names of the objects of a type that the filter finds."""
    if call.type not in TYPES:
        raise NotHere(f"Objects of this type cannot be selected. The types are: {', '.join(sorted(TYPES))}.")
    (name, find), at = TYPES[call.type], time_text(timezone.now())
    items = [{"type": name, "objectID": str(id), "objectName": of} for id, of in find(call)]
    content = {
        "id": str(uuid.uuid4()),
        "createdDate": at,
        "modifiedDate": at,
        "modifiedByUserName": call.caller.actor.label,
        "items": items,
    }
    return Answer(content | {"privileges": ["read"], "schemaPath": "Selection"}, status=201)
