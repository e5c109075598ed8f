"""`init`: the trust zone and the central node's row; safe to repeat."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from agent import files
from audit.actors import SYSTEM
from audit.record import record
from certs.central_key.services import central_key_ensure
from certs.founding.services import Founding, zone_complete, zone_prepare
from certs.models import TrustZone
from certs.names.services import names_take
from nodes.addresses.services import addresses_first, netlocs
from nodes.inventory.names import names_of
from nodes.models import Node
from nodes.states import NodeState
from pki.core.addresses import CentralAddress
from sealing.errors import ZoneBroken, ZoneMissing
from sealing.local_keys import REPAIR, key_ring_read

ADVISORY_LOCK = 0x716D6369  # "qmci", among all locks that programs take in this database


def zone_found(
    *, host_name: str, node_api_addresses: Sequence[str] = (), listening: CentralAddress | None = None, now: datetime
) -> TrustZone:
    """The trust zone, created if there is none.

    `node_api_addresses` are the addresses that a person wants nodes to call, `listening` is where `up` listens. Raises: TrustZoneError, PKIError.
    """
    with _alone(now):
        zone = TrustZone.objects.current()
        if zone is not None:
            _store_read()
            central_key_ensure(now=now)
            return zone
        central = addresses_first(chosen=node_api_addresses, listening=listening)
        addresses = own_names(central)
        node_id = uuid.uuid4()
        zone = zone_prepare(founding=Founding(host_name, addresses, central, node_id, settings.QMC_DATABASE_KEY_OIDS), now=now)
        with transaction.atomic():
            zone_complete(zone=zone, now=now)
            chosen = bool(node_api_addresses or settings.QMC_NODE_API_ADDRESSES)
            TrustZone.objects.filter(pk=zone.pk).update(node_api_addresses=netlocs(central), addresses_chosen=chosen)
            node = Node.objects.create(
                id=node_id, name="central", host_name=host_name, address=central[0].address, node_port=central[0].port,
                subject_alternative_names=list(addresses), services=["repository"], state=NodeState.REGISTERED, state_since=now, generation=1,
                is_central=True, created_at=now, registered_at=now,
            )  # fmt: skip
            names_take(requested=[names_of(node)], now=now)
            detail = {"from": None, "to": NodeState.REGISTERED, "reason": "made with the trust zone"}
            record(actor=SYSTEM, action="node.transition", target=node, detail=detail, now=now)
        return TrustZone.objects.get(pk=zone.pk)


@contextmanager
def _alone(now: datetime) -> Iterator[None]:
    """Allow one init at a time, by locks that end with their process: on this data directory, and on a database that other machines use too.

    Raises: ZoneBroken.
    """
    try:
        with files.exclusive_lock(settings.QMC_DATA_DIR / "init.lock", now=now), _database_held():
            yield
    except files.InUse as exc:
        raise ZoneBroken(f"Another init is in progress: {exc}. Wait until it has finished, then try again.") from exc


@contextmanager
def _database_held() -> Iterator[None]:
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        if not cursor.fetchone()[0]:
            raise files.InUse("another machine uses the same database")
    try:
        yield
    finally:
        with suppress(DatabaseError), connection.cursor() as cursor:  # a broken connection no longer has the lock
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def _store_read() -> None:
    """Raises: ZoneBroken if the store of the trust zone is lost or damaged."""
    try:
        key_ring_read()
    except ZoneMissing as exc:
        raise ZoneBroken(f"The trust zone exists, but nothing is installed in {settings.NODE_STORE}. {REPAIR}") from exc


def own_names(node_api_addresses: Sequence[CentralAddress]) -> tuple[str, ...]:
    """The names of this machine besides its host name, if `node_api_addresses` are the addresses that nodes call."""
    return tuple(dict.fromkeys(["localhost", "127.0.0.1", *(address.address for address in node_api_addresses)]))
