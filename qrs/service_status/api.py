"""/qrs/servicestatus: the services of the nodes, with their states."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from certs.zone.services import zone_current
from qrs.conventions.answers import Answer
from qrs.endpoints.registry import NO_SUCH_OBJECT, Call, endpoint
from qrs.endpoints.types import counted
from qrs.errors import NotHere
from qrs.node_configurations.types import service_id
from qrs.service_status.fields import status_fields
from qrs.service_status.types import Service, nodes_with_state, type_queries


def _found(call: Call) -> "Iterator[tuple[int, QuerySet[Any]]]":
    """Each type, and the nodes whose service of this type the filter finds. A node other than the central node finds its own services only.

    Raises: PermissionRefused, FilterInvalid.
    """
    own = call.caller.own
    if own is None:
        call.caller.actor.require("nodes.view_node")
    nodes = nodes_with_state(timezone.now()).filter(Q(pk=own.pk) if own else Q())
    for type, has_service in type_queries():
        yield type, nodes.filter(has_service, call.query(status_fields(type)))


def services_found(call: Call) -> Iterator[Service]:
    """What the filter finds. Raises: PermissionRefused, FilterInvalid."""
    for type, nodes in _found(call):
        for node in nodes:
            yield Service(type, node)


@endpoint("GET", "servicestatus", takes_filter=True, public=True)
def listed(call: Call) -> Answer:
    """The services that the filter finds."""
    return _all(call)


@endpoint("GET", "servicestatus/full", takes_filter=True, public=True)
def full(call: Call) -> Answer:
    """The services that the filter finds."""
    return _all(call)


@endpoint("GET", "servicestatus/count", takes_filter=True, public=True)
def count(call: Call) -> Answer:
    """How many services the filter finds."""
    return Answer(counted(sum(nodes.count() for _, nodes in _found(call))))


@endpoint("GET", "servicestatus/{id}", public=True)
def one(call: Call) -> Answer:
    """One service."""
    for type, nodes in _found(call):
        for node in nodes.filter(pk=service_id(call.id, type)):
            return Answer(Service(type, node).json(zone_current(), call.caller.actor))
    raise NotHere(NO_SUCH_OBJECT.format("service"))


def _all(call: Call) -> Answer:
    zone, actor = zone_current(), call.caller.actor
    return Answer([service.json(zone, actor) for service in services_found(call)])
