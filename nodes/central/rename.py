"""Rename the central node: new certificates, which also contain the old name."""

from datetime import datetime

from django.db import transaction

from audit.actors import SYSTEM
from audit.record import record
from certs.models import TrustZone
from certs.names.services import names_take
from nodes.addresses.services import central_addresses
from nodes.central.founding import own_names
from nodes.central.services import central_install, central_next
from nodes.inventory.names import names_of
from nodes.models import Node


def central_rename(*, host_name: str, now: datetime) -> None:
    """Give the central node a new host name and install certificates with it. The root keeps its name.

    Nodes use the old name, which stays in the certificates, until their next package has the new one.
    Raises: TrustZoneError, PKIError, OSError.
    """
    central_install(_named(host_name, now), now=now)


@transaction.atomic
def _named(host_name: str, now: datetime) -> Node:
    zone, node = TrustZone.objects.get(), central_next(reason="The central node gets another host name.", now=now)
    earlier = [other_name for other_name in (node.host_name, *node.subject_alternative_names) if other_name != host_name]
    old, zone.name, node.host_name = zone.name, host_name, host_name
    node.subject_alternative_names = list(dict.fromkeys([*own_names(central_addresses()), *earlier]))
    names_take(requested=[names_of(node)], now=now)
    zone.save(update_fields=["name"])
    node.save(update_fields=["host_name", "subject_alternative_names"])
    record(actor=SYSTEM, action="zone.renamed", target=zone, detail={"from": old, "to": host_name}, now=now)
    return node
