"""The central node under another host name: new certificates, which go on bearing the old name."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from agent.store import Store
from audit.actors import SYSTEM
from audit.record import record
from certs.models import DatabaseKey, TrustZone
from certs.own_store import key_ring
from certs.states import DatabaseKeyStatus
from nodes.models import Node
from nodes.services.material import Order, keys_wipe, older_supersede, package_make
from nodes.services.renewal import renewals_end
from qmc.services.founding import own_names

VALID = timedelta(hours=1)


def central_rename(*, host_name: str, now: datetime) -> None:
    """Give the central node the name and, at once, a generation that bears it. The root keeps its name.

    Nodes find it by the old name, which the certificates still bear, until their next package tells the new one.
    Raises: CertsError, PKIError, OSError.
    """
    node = _named(host_name, now)
    wanted = Node.objects.filter(pk=node.pk, generation=node.generation)
    package = package_make(Order(node, node.generation, wanted, in_a_hurry=False, actor=SYSTEM), expires_at=now + VALID, now=now)
    Store(settings.NODE_STORE).install(package, now=now)
    with transaction.atomic():
        keys_wipe(node)
        older_supersede(node, node.generation, now=now)


@transaction.atomic
def _named(host_name: str, now: datetime) -> Node:
    zone, node = TrustZone.objects.get(), Node.objects.get(is_central=True)
    renewals_end(node, reason="The central node gets another host name.", actor=SYSTEM, now=now)
    # A key that waited in such a renewal alone is lost with it: the version gets another.
    DatabaseKey.objects.filter(status=DatabaseKeyStatus.PREPARED).exclude(key_id__in=list(key_ring().keys)).update(key_id=None)
    earlier = [each for each in (node.host_name, *node.subject_alternative_names) if each != host_name]
    old, zone.name, node.host_name = zone.name, host_name, host_name
    node.subject_alternative_names = list(dict.fromkeys([*own_names(), *earlier]))
    node.generation += 1
    zone.save(update_fields=["name"])
    node.save(update_fields=["host_name", "subject_alternative_names", "generation"])
    record(actor=SYSTEM, action="zone.renamed", target=zone, detail={"from": old, "to": host_name}, now=now)
    return node
