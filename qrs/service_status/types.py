"""The services of nodes with their states, as objects of this API (ServiceStatus). They are no rows: each node has one for each of its services."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from audit.actors import Actor
from certs.models import TrustZone
from nodes.inventory.intervals import FIRST_CALL
from nodes.models import Node
from qrs.endpoints.types import Enumeration, time_text
from qrs.node_configurations.fields import serves
from qrs.node_configurations.types import REPOSITORY, TYPES, node_condensed, service_id

STATES = Enumeration(
    "ServiceStateEnum",
    {"Initializing": 0, "CertificatesNotInstalled": 1, "Running": 2, "NoCommunication": 3, "Disabled": 4, "Unknown": 5},
    ("ServiceStatus.ServiceState",),
)
SCHEMA = "ServiceStatus"


@dataclass(frozen=True)
class Service:
    """A service of a node of `nodes_with_state`."""

    type: int
    node: Any

    def json(self, zone: TrustZone, actor: Actor) -> dict[str, Any]:
        seen = self.node.observed
        at = time_text(seen.last_seen_at if seen else self.node.state_since)
        return {
            "id": str(service_id(self.node.pk, self.type)), "createdDate": time_text(self.node.created_at), "modifiedDate": at,
            "modifiedByUserName": "", "serviceType": self.type, "serviceState": self.node.service_state, "timestamp": at,
            "serverNodeConfiguration": node_condensed(self.node, zone, actor), "privileges": ["read"], "schemaPath": SCHEMA,
        }  # fmt: skip


def nodes_with_state(now: datetime) -> "QuerySet[Any]":
    """The nodes in use with a column `service_state`. It is that of the agent: the console does not look into other services."""
    calls = Q(observation__silent_at__gt=now) | Q(observation=None, registered_at__gt=now - FIRST_CALL)
    state = Case(
        When(registered_at=None, then=Value(STATES.values["CertificatesNotInstalled"])),
        When(calls, then=Value(STATES.values["Running"])),
        default=Value(STATES.values["NoCommunication"]),
        output_field=IntegerField(),
    )
    return Node.objects.present().with_report().annotate(service_state=state).order_by("name", "pk")


def type_queries() -> Iterator[tuple[int, Q]]:
    """Each type, and the nodes that have such a service."""
    for name, type in TYPES.values.items():
        yield type, Q() if type == REPOSITORY else serves(name.lower())
