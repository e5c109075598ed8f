"""/qrs/servicecluster: the site's one cluster."""

from typing import Any

from django.db.models import Q

from certs.models import TrustZone
from certs.zone.services import zone_current
from qrs.cluster.types import NAME, cluster_condensed, cluster_json
from qrs.conventions.answers import Answer
from qrs.endpoints.registry import NO_SUCH_OBJECT, Call, endpoint
from qrs.endpoints.types import counted
from qrs.errors import NotHere
from qrs.filters.fields import constant_text, guid

FIELDS = {"id": guid("pk"), "name": constant_text(NAME)}


def clusters_found(call: Call) -> list[TrustZone]:
    """What the filter finds. Raises: PermissionRefused, FilterInvalid."""
    call.caller.actor.require("nodes.view_node")
    return list(TrustZone.objects.filter(Q(pk=zone_current().pk), call.query(FIELDS)))


@endpoint("GET", "servicecluster", takes_filter=True)
def listed(call: Call) -> Answer:
    """The service clusters that the filter finds, condensed. A site has one."""
    return Answer([cluster_condensed(zone) for zone in clusters_found(call)])


@endpoint("GET", "servicecluster/full", takes_filter=True)
def full(call: Call) -> Answer:
    """The service clusters that the filter finds."""
    return Answer([cluster_json(zone) for zone in clusters_found(call)])


@endpoint("GET", "servicecluster/count", takes_filter=True)
def count(call: Call) -> Answer:
    """How many service clusters the filter finds."""
    return Answer(counted(len(clusters_found(call))))


@endpoint("GET", "servicecluster/{id}")
def one(call: Call) -> Answer:
    """One service cluster."""
    return Answer(_one(call))


def _one(call: Call) -> dict[str, Any]:
    found = next((zone for zone in clusters_found(call) if zone.pk == call.id), None)
    if found is None:
        raise NotHere(NO_SUCH_OBJECT.format("service cluster"))
    return cluster_json(found)
