"""Create and install the central node's next generation in one process that has the root passphrase, without a heartbeat."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from agent.store import Store
from audit.actors import SYSTEM, system_for
from certs.models import Certificate, DatabaseKey
from certs.states import DatabaseKeyStatus
from nodes.inventory.transition import node_lock
from nodes.issuance.services import GenerationRequest, keys_wipe, older_supersede, package_make
from nodes.models import Node
from nodes.renewal.services import renewal_ensure, renewals_end
from nodes.states import NodeState
from sealing.errors import TrustZoneError, ZoneBroken
from sealing.local_keys import key_ring, key_ring_read, own_store

VALID = timedelta(hours=1)


class CentralBusy(TrustZoneError):
    """Another process on this machine is replacing the central node's certificates."""


@contextmanager
def central_alone() -> Iterator[None]:
    """Allow one process at a time; the kernel releases the lock when the process ends. Raises: CentralBusy."""
    with (settings.QMC_DATA_DIR / "recreate.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise CentralBusy(
                "Another process on this machine is replacing the central node's certificates. Wait until it has finished."
            ) from exc
        yield


def central_names_ensure(*, for_whom: str, now: datetime) -> None:
    """Renew the central node if its certificate lacks a name or address of its row, which browsers and API clients check."""
    node = Node.objects.filter(is_central=True, state=NodeState.REGISTERED).first()
    if node is None:
        return
    own = Certificate.objects.issued().filter(holder_id=node.pk, kind="service").order_by("-generation").first()
    names = {node.host_name, *node.subject_alternative_names, *filter(None, [node.address])}
    if own is not None and not {alternative_name.lower() for alternative_name in names} <= {
        alternative_name.lower() for alternative_name in own.subject_alternative_names
    }:
        renewal_ensure(actor=system_for(for_whom), node=node, now=now)


@transaction.atomic
def central_next(*, reason: str, now: datetime) -> Node:
    """The central node with the number of its next generation, above any in its store. A renewal in progress ends with `reason`."""
    node_lock(Node.objects.get(is_central=True))
    node = Node.objects.get(is_central=True)
    renewals_end(node, reason=reason, actor=SYSTEM, now=now)
    # A key that existed only in such a renewal is lost: its version gets another key.
    DatabaseKey.objects.filter(status=DatabaseKeyStatus.PREPARED).exclude(key_id__in=list(key_ring().keys)).update(key_id=None)
    node.generation = max(node.generation, own_store().generation) + 1
    node.save(update_fields=["generation"])
    return node


def central_install(node: Node, *, now: datetime) -> None:
    """Create and install `node`'s generation here, with a service pair for each live database key. Raises: TrustZoneError, PKIError, OSError."""
    current, store = Node.objects.filter(pk=node.pk, generation=node.generation), Store(settings.NODE_STORE)
    package = package_make(
        GenerationRequest(node, node.generation, current, in_a_hurry=False, actor=SYSTEM), expires_at=now + VALID, now=now
    )
    with store.locked():
        store.install(package, now=now)
    central_settle(now=now)


@transaction.atomic
def central_settle(*, now: datetime) -> None:
    """Mark older generations as superseded, and delete keys from the database that are now in the store."""
    node = Node.objects.get(is_central=True)
    node_lock(node)
    keys_wipe(node)
    older_supersede(node, own_store().generation, now=now)


def central_clean() -> None:
    """Remove the central node's older generations, if the current one has every live database key. Raises: ZoneBroken."""
    _read_back()
    store = Store(settings.NODE_STORE)
    with store.locked():
        store.remove_all_but_current()
    _read_back()


def _read_back() -> None:
    at_hand = key_ring_read().keys
    if missing := [str(database_key) for database_key in DatabaseKey.objects.live() if database_key.key_id not in at_hand]:
        raise ZoneBroken(f"The central node's new certificates do not have {', '.join(missing)}. The old certificates stay until they do.")
