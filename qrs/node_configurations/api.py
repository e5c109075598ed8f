"""/qrs/servernodeconfiguration: the nodes."""

import uuid
from typing import Any

from django.utils import timezone

from certs.zone.services import zone_current
from nodes.registration.decommission import node_decommission
from qrs.conventions.answers import Answer
from qrs.endpoints.registry import NO_SUCH_OBJECT, Call, endpoint
from qrs.endpoints.types import counted
from qrs.errors import NotHere
from qrs.node_configurations.changes import configuration_change, container_create
from qrs.node_configurations.fields import node_fields
from qrs.node_configurations.types import TYPES, node_condensed, node_json, nodes_present, service_id


def nodes_found(call: Call) -> Any:
    """What the filter finds. Raises: PermissionRefused, FilterInvalid."""
    call.caller.actor.require("nodes.view_node")
    return nodes_present().filter(call.query(node_fields(zone_current())))


def node_read(id: uuid.UUID) -> Any:
    """A node in use. Raises: NotHere."""
    found = nodes_present().filter(pk=id).first()
    if found is None:
        raise NotHere(NO_SUCH_OBJECT.format("node"))
    return found


@endpoint("GET", "servernodeconfiguration", takes_filter=True)
def listed(call: Call) -> Answer:
    """The nodes that the filter finds, condensed."""
    zone, actor = zone_current(), call.caller.actor
    return Answer([node_condensed(node, zone, actor) for node in nodes_found(call)])


@endpoint("GET", "servernodeconfiguration/full", takes_filter=True)
def full(call: Call) -> Answer:
    """The nodes that the filter finds."""
    zone, actor = zone_current(), call.caller.actor
    return Answer([node_json(node, zone, actor) for node in nodes_found(call)])


@endpoint("GET", "servernodeconfiguration/count", takes_filter=True)
def count(call: Call) -> Answer:
    """How many nodes the filter finds."""
    return Answer(counted(nodes_found(call).count()))


@endpoint("GET", "servernodeconfiguration/{id}")
def one(call: Call) -> Answer:
    """One node."""
    call.caller.actor.require("nodes.view_node")
    return Answer(_json(call, call.id))


@endpoint("PUT", "servernodeconfiguration/{id}")
def change(call: Call) -> Answer:
    """Change the name, services and tags of a node. The body is the whole object as it was read: its modifiedDate is the lock."""
    configuration_change(
        actor=call.caller.actor, node=node_read(call.id), body=call.body, now=timezone.now(), read=lambda: node_read(call.id)
    )
    return Answer(_json(call, call.id))


@endpoint("DELETE", "servernodeconfiguration/{id}")
def remove(call: Call) -> Answer:
    """Decommission a node. Its certificates are revoked."""
    node_decommission(actor=call.caller.actor, node=node_read(call.id), now=timezone.now())
    return Answer(status=204)


@endpoint("POST", "servernodeconfiguration/container")
def create(call: Call) -> Answer:
    """Create a node. It is registered with servernoderegistration/start."""
    node = container_create(actor=call.caller.actor, body=call.body, now=timezone.now())
    services = {f"{name.lower()}ServiceID": str(service_id(node.pk, type)) for name, type in TYPES.values.items()}
    return Answer({"schemaPath": "ServerNodeContainer", "configuration": _json(call, node.pk), **services}, status=201)


def _json(call: Call, id: uuid.UUID) -> dict[str, Any]:
    return node_json(node_read(id), zone_current(), call.caller.actor)
