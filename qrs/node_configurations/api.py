"""/qrs/servernodeconfiguration: the nodes."""

import uuid
from typing import Any

from certs.zone.services import zone_current
from qrs.conventions.answers import Answer
from qrs.endpoints.registry import NO_SUCH_OBJECT, Call, endpoint
from qrs.endpoints.types import counted
from qrs.errors import NotHere
from qrs.node_configurations.fields import node_fields
from qrs.node_configurations.types import node_condensed, node_json, nodes_present


def _found(call: Call) -> Any:
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
    return Answer([node_condensed(node, zone, actor) for node in _found(call)])


@endpoint("GET", "servernodeconfiguration/full", takes_filter=True)
def full(call: Call) -> Answer:
    """The nodes that the filter finds."""
    zone, actor = zone_current(), call.caller.actor
    return Answer([node_json(node, zone, actor) for node in _found(call)])


@endpoint("GET", "servernodeconfiguration/count", takes_filter=True)
def count(call: Call) -> Answer:
    """How many nodes the filter finds."""
    return Answer(counted(_found(call).count()))


@endpoint("GET", "servernodeconfiguration/{id}")
def one(call: Call) -> Answer:
    """One node."""
    call.caller.actor.require("nodes.view_node")
    return Answer(node_json(node_read(call.id), zone_current(), call.caller.actor))
