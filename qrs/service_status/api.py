"""/qrs/servicestatus: the services of the nodes, with their states."""

from collections.abc import Iterator

from django.db.models import Q
from django.utils import timezone

from certs.zone.services import zone_current
from qrs.conventions.answers import Answer
from qrs.endpoints.registry import NO_SUCH_OBJECT, Call, endpoint
from qrs.endpoints.types import counted
from qrs.errors import NotHere
from qrs.service_status.fields import status_fields
from qrs.service_status.types import Service, nodes_with_state, type_queries


def services_found(call: Call) -> Iterator[Service]:
    """What the filter finds. A node other than the central node finds its own services only. Raises: PermissionRefused, FilterInvalid."""
    own = call.caller.own
    if own is None:
        call.caller.actor.require("nodes.view_node")
    nodes = nodes_with_state(timezone.now()).filter(Q(pk=own.pk) if own else Q())
    for type, has_service in type_queries():
        for node in nodes.filter(has_service, call.query(status_fields(type))):
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
    return Answer(counted(sum(1 for _ in services_found(call))))


@endpoint("GET", "servicestatus/{id}", public=True)
def one(call: Call) -> Answer:
    """One service."""
    zone, actor = zone_current(), call.caller.actor
    found = next((one for service in services_found(call) if (one := service.json(zone, actor))["id"] == str(call.id)), None)
    if found is None:
        raise NotHere(NO_SUCH_OBJECT.format("service"))
    return Answer(found)


def _all(call: Call) -> Answer:
    zone, actor = zone_current(), call.caller.actor
    return Answer([service.json(zone, actor) for service in services_found(call)])
