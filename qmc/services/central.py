"""The central node's next generation made and installed at once, by a process that holds the root passphrase: without a heartbeat."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from agent.store import Store
from audit.actors import SYSTEM
from certs.models import DatabaseKey
from certs.own_store import key_ring, own_store
from certs.states import DatabaseKeyStatus
from nodes.models import Node
from nodes.services.material import Order, keys_wipe, older_supersede, package_make
from nodes.services.renewal import renewals_end

VALID = timedelta(hours=1)


@transaction.atomic
def central_next(*, reason: str, now: datetime) -> Node:
    """The central node with its next generation's number; whatever renewal of it was under way ends with `reason`."""
    node = Node.objects.select_for_update().get(is_central=True)
    renewals_end(node, reason=reason, actor=SYSTEM, now=now)
    # A key that waited in such a renewal alone is lost with it: the version gets another.
    DatabaseKey.objects.filter(status=DatabaseKeyStatus.PREPARED).exclude(key_id__in=list(key_ring().keys)).update(key_id=None)
    node.generation += 1
    node.save(update_fields=["generation"])
    return node


def central_install(node: Node, *, now: datetime) -> None:
    """Make `node`'s generation and put it in force here, with a service pair for each live database key. Raises: CertsError, PKIError, OSError."""
    wanted, store = Node.objects.filter(pk=node.pk, generation=node.generation), Store(settings.NODE_STORE)
    package = package_make(Order(node, node.generation, wanted, in_a_hurry=False, actor=SYSTEM), expires_at=now + VALID, now=now)
    with store.locked():
        store.install(package, now=now)
    central_settle(now=now)


@transaction.atomic
def central_settle(*, now: datetime) -> None:
    """What is installed here has taken over from every older generation, and holds its keys itself."""
    node = Node.objects.get(is_central=True)
    keys_wipe(node)
    older_supersede(node, own_store().generation, now=now)
