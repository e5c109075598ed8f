"""The addresses that nodes call: stored in the trust zone's row, or set in the environment, which takes precedence."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, Q, QuerySet, TextField, When
from django.db.models.functions import Cast

from audit.actors import SYSTEM, Actor
from audit.record import record
from certs.models import TrustZone
from certs.names.services import NamesTaken, names_take
from certs.zone.services import zone_current
from nodes.errors import InputInvalid
from nodes.inventory.names import names_of
from nodes.models import Node
from nodes.states import NodeState
from pki.core import addresses
from pki.core.addresses import CentralAddress
from pki.core.commands import QMC
from pki.core.errors import InvalidName
from pki.exchange.report import MOST_CENTRAL

DEFAULT = CentralAddress("127.0.0.1", addresses.NODE_API_PORT)
REMEDY = (
    f"Change the addresses that nodes call with `{QMC} set_addresses --node-api-address ADDRESS:PORT`, or on the page Settings, Addresses of "
    "the central node. Both first list the nodes that would lose contact."
)
CHOOSE = f"Set the addresses that nodes call: `{QMC} init --node-api-address ADDRESS:PORT`, or `set_addresses` if nodes are registered."


def netlocs(found: Sequence[CentralAddress]) -> list[str]:
    """The addresses as `host:port` texts."""
    return [addresses.netloc(address.address, address.port) for address in found]


def addresses_checked(texts: Sequence[str]) -> tuple[CentralAddress, ...]:
    """The addresses in `texts`, without duplicates. Raises: InputInvalid."""
    found, wrong = [], []
    for text in texts:
        try:
            found.append(addresses.reachable_address(text))
        except InvalidName as exc:
            wrong.append(str(exc))
    if not wrong and not 1 <= len(set(found)) <= MOST_CENTRAL:
        wrong.append(f"Enter at least one address that nodes call, and at most {MOST_CENTRAL}.")
    if wrong:
        raise InputInvalid({"node_api_addresses": wrong})
    return tuple(dict.fromkeys(found))


def addresses_in_data() -> tuple[CentralAddress, ...]:
    """The addresses in the site's data. On a site of an earlier version, they come from the central node's row, perhaps with a wildcard address."""
    zone = TrustZone.objects.current()
    if zone is not None and zone.node_api_addresses:
        return tuple(addresses.central_address(address) for address in zone.node_api_addresses)
    central = Node.objects.filter(is_central=True).first()
    return (CentralAddress(central.address, central.node_port),) if central else (DEFAULT,)


def addresses_recorded() -> tuple[CentralAddress, ...]:
    """The addresses in the environment, or else in the site's data."""
    return tuple(addresses.central_address(address) for address in settings.QMC_NODE_API_ADDRESSES) or addresses_in_data()


def central_addresses() -> tuple[CentralAddress, ...]:
    """The addresses that nodes get. A wildcard address is replaced by the host name. Raises: ZoneMissing."""
    recorded = addresses_recorded()
    return tuple(address for address in recorded if not addresses.is_wildcard(address.address)) or (
        CentralAddress(zone_current().name, recorded[0].port),
    )


def others_registered() -> bool:
    """Whether a node other than the central one has received addresses."""
    return Node.objects.present().filter(is_central=False).exclude(state=NodeState.CREATED, registered_at=None).exists()


def is_remote(node: Node) -> bool:
    """Whether the node is another machine, judged by its address or by the addresses of its host name."""
    if node.address:
        return not addresses.is_loopback(node.address)
    try:
        found = socket.getaddrinfo(node.host_name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not addresses.is_loopback(str(information[4][0]).partition("%")[0]) for information in found)


@dataclass(frozen=True)
class Contact:
    """A node that calls the central node: the central node's addresses that it knows (empty if its agent does not report them), and where it called last.

    A node that is `losing` knows none of the new addresses, so it cannot call when the other addresses stop answering.
    """

    node: Node
    losing: bool
    knows: tuple[str, ...]
    called: str
    last_seen_at: datetime | None


@dataclass(frozen=True)
class Contacts:
    """The nodes that call the central node, counted by the database."""

    nodes: "QuerySet[Any]"
    count: int
    losing: int

    def first(self, number: int | None = None) -> Iterator[Contact]:
        """The first `number` of them, by default all. Those that lose contact come first."""
        reported = ("observation__central_addresses", "observation__central_called", "observation__last_seen_at")
        found = self.nodes.select_related("observation").only("name", "host_name", *reported).order_by("name", "pk")
        left = self.count if number is None else number
        for losing, count in ((True, self.losing), (False, self.count - self.losing)):
            for node in found.filter(losing=losing)[: min(left, count)].iterator():
                seen = node.observed
                knows = tuple(seen.central_addresses) if seen else ()
                yield Contact(node, losing, knows, seen.central_called if seen else "", seen.last_seen_at if seen else None)
            left -= min(left, count)


def contacts(new_addresses: Sequence[CentralAddress]) -> Contacts:
    """Which nodes know one of the new addresses."""
    text = Cast("observation__central_addresses", TextField())
    nodes = Node.objects.present().filter(is_central=False).exclude(state=NodeState.CREATED, registered_at=None).annotate(known=text)
    # DNS names are case-insensitive.
    knows = Q(*(("known__icontains", f'"{address}"') for address in netlocs(new_addresses)), _connector=Q.OR)
    nodes = nodes.annotate(losing=Case(When(knows, then=False), default=True))
    counts = nodes.aggregate(nodes=Count("pk"), lose=Count("pk", filter=Q(losing=True)))
    return Contacts(nodes, counts["nodes"], counts["lose"])


def addresses_set(*, actor: Actor, texts: Sequence[str], now: datetime) -> tuple[CentralAddress, ...]:
    """Set the addresses that nodes call. Raises: PermissionRefused, InputInvalid, ZoneMissing."""
    actor.require("certs.change_trustzone")
    found = addresses_checked(texts)
    if settings.QMC_NODE_API_ADDRESSES:
        text = f"QMC_NODE_API_ADDRESSES is {','.join(settings.QMC_NODE_API_ADDRESSES)} in the environment and takes precedence. Change it there, or remove it."
        raise InputInvalid({"node_api_addresses": [text]})
    _write(zone_current(), found, chosen=True, actor=actor, now=now)
    return found


@transaction.atomic
def _write(zone: TrustZone, found: Sequence[CentralAddress], *, chosen: bool, actor: Actor, now: datetime) -> None:
    """Raises: InputInvalid where an address is the name of another node or of an export."""
    before, after = netlocs(addresses_recorded()), netlocs(found)
    central = Node.objects.select_for_update().get(is_central=True)
    central.subject_alternative_names = list(dict.fromkeys([*central.subject_alternative_names, *(address.address for address in found)]))
    try:
        names_take(requested=[names_of(central)], now=now)
    except NamesTaken as exc:
        raise InputInvalid({"node_api_addresses": [str(conflict) for conflict in exc.conflicts]}) from exc
    TrustZone.objects.filter(pk=zone.pk).update(node_api_addresses=after, addresses_chosen=chosen)
    if before != after:
        record(actor=actor, action="addresses.set", target=zone, detail={"from": before, "to": after}, now=now)
    # The worker connects to the address that nodes call, until `up` records where it listens.
    own = addresses.netloc(central.address, central.node_port)
    if own in before and own not in after:
        central.address, central.node_port = found[0].address, found[0].port
    central.save(update_fields=["address", "node_port", "subject_alternative_names"])


def addresses_first(*, chosen: Sequence[str], listening: CentralAddress | None) -> tuple[CentralAddress, ...]:
    """The addresses that nodes call in a new trust zone. Raises: InputInvalid."""
    if said := chosen or settings.QMC_NODE_API_ADDRESSES:
        return addresses_checked(said)
    if listening and addresses.is_wildcard(listening.address):
        raise InputInvalid({"node_api_addresses": [everywhere(listening)]})
    return (listening or DEFAULT,)


def addresses_settle(*, chosen: Sequence[str], listening: CentralAddress | None, now: datetime) -> list[str]:
    """At each start: record the addresses that nodes call, and where this machine listens. Returns warnings for a person.

    `chosen` was given by a person; `listening` is where `up` listens. Raises: InputInvalid, ZoneMissing.
    """
    zone, recorded = zone_current(), addresses_recorded()
    nowhere = any(addresses.is_wildcard(address.address) for address in recorded)
    if said := chosen or settings.QMC_NODE_API_ADDRESSES:
        found = addresses_checked(said)
        if chosen and found != recorded and others_registered():
            raise InputInvalid(
                {"node_api_addresses": [f"Other nodes are registered, and they call {', '.join(netlocs(recorded))}. {REMEDY}"]}
            )
        _write(zone, found, chosen=True, actor=SYSTEM, now=now)
        if listening is None:
            _listens(found[0])
    elif listening and not addresses.is_wildcard(listening.address) and not zone.addresses_chosen and (nowhere or not others_registered()):
        _write(zone, [listening], chosen=False, actor=SYSTEM, now=now)
    elif not zone.node_api_addresses and not nowhere:
        _write(zone, recorded, chosen=False, actor=SYSTEM, now=now)
    return _followed(listening) if listening else []


def addresses_restore(*, node_api_addresses: Sequence[str], now: datetime) -> None:
    """After a restore: use the addresses from a person or the environment, or else those from the backup. Raises: InputInvalid."""
    if said := node_api_addresses or settings.QMC_NODE_API_ADDRESSES:
        found = addresses_checked(said)
        _write(TrustZone.objects.get(), found, chosen=True, actor=SYSTEM, now=now)
        _listens(found[0])


def _listens(at: CentralAddress) -> None:
    Node.objects.filter(is_central=True).update(address=addresses.loopback_for(at.address), node_port=at.port)


def _followed(listening: CentralAddress) -> list[str]:
    """Raises: InputInvalid if `up` listens on all interfaces and nobody has chosen the addresses that nodes call."""
    recorded, everything = addresses_recorded(), addresses.is_wildcard(listening.address)
    chosen = bool(settings.QMC_NODE_API_ADDRESSES) or zone_current().addresses_chosen or others_registered()
    if any(addresses.is_wildcard(address.address) for address in recorded) or (everything and not chosen):
        raise InputInvalid({"node_api_addresses": [everywhere(listening)]})
    _listens(listening)
    if any(address.port == listening.port and (everything or address.address == listening.address) for address in recorded):
        return []
    here = addresses.netloc(listening.address, listening.port)
    return [
        f"Nodes call {', '.join(netlocs(recorded))}, but `up` listens on {here}. If calls to the first address do not reach the second: {REMEDY}"
    ]


def everywhere(listening: CentralAddress) -> str:
    return f"{listening.address} means all addresses of this machine, so a node cannot call it. {CHOOSE}"
