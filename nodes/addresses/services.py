"""Where the center is: the addresses that nodes call. The trust zone's row says so, and the environment overrides it."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

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
from pki.core.errors import InvalidName
from pki.exchange.report import MOST_CENTRAL

DEFAULT = CentralAddress("127.0.0.1", addresses.NODE_API_PORT)
REMEDY = (
    "Change what nodes are told with `python manage.py set_addresses --node-api-address ADDRESS:PORT`, or on the page Settings, Addresses of "
    "the central node. Both list first the nodes that would lose contact."
)
CHOOSE = "Say which addresses nodes call: `python manage.py init --node-api-address ADDRESS:PORT`, or `set_addresses` where nodes are registered."


def netlocs(found: Sequence[CentralAddress]) -> list[str]:
    """As people write them."""
    return [addresses.netloc(each.address, each.port) for each in found]


def addresses_checked(texts: Sequence[str]) -> tuple[CentralAddress, ...]:
    """What `texts` say, each once. Raises: InputInvalid."""
    found, wrong = [], []
    for each in texts:
        try:
            found.append(addresses.told_address(each))
        except InvalidName as exc:
            wrong.append(str(exc))
    if not wrong and not 1 <= len(set(found)) <= MOST_CENTRAL:
        wrong.append(f"Give at least one address that nodes call, and at most {MOST_CENTRAL}.")
    if wrong:
        raise InputInvalid({"node_api_addresses": wrong})
    return tuple(dict.fromkeys(found))


def addresses_in_data() -> tuple[CentralAddress, ...]:
    """What the site's data says; on a site of an earlier version that is the central node's row, perhaps with an address of all interfaces."""
    zone = TrustZone.objects.current()
    if zone is not None and zone.node_api_addresses:
        return tuple(addresses.central_address(each) for each in zone.node_api_addresses)
    central = Node.objects.filter(is_central=True).first()
    return (CentralAddress(central.address, central.node_port),) if central else (DEFAULT,)


def addresses_recorded() -> tuple[CentralAddress, ...]:
    """What the environment says, else the site's data."""
    return tuple(addresses.central_address(each) for each in settings.QMC_NODE_API_ADDRESSES) or addresses_in_data()


def central_addresses() -> tuple[CentralAddress, ...]:
    """Where nodes are told to call; never an address of all interfaces: then it is the host name. Raises: ZoneMissing."""
    recorded = addresses_recorded()
    return tuple(each for each in recorded if not addresses.is_wildcard(each.address)) or (
        CentralAddress(zone_current().name, recorded[0].port),
    )


def others_registered() -> bool:
    """Whether a node beside the central one has been told where to call."""
    return Node.objects.present().filter(is_central=False).exclude(state=NodeState.CREATED, registered_at=None).exists()


def is_remote(node: Node) -> bool:
    """Whether the node is another machine, by its address or by what its host name resolves to here."""
    if node.address:
        return not addresses.is_loopback(node.address)
    try:
        found = socket.getaddrinfo(node.host_name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not addresses.is_loopback(str(each[4][0]).partition("%")[0]) for each in found)


@dataclass(frozen=True)
class Knowing:
    """What one node knows of the central node's addresses; empty where its agent does not report it."""

    node: Node
    knows: tuple[str, ...]
    called: str
    last_seen_at: datetime | None


def nodes_knowing() -> list[Knowing]:
    """Every node that calls the central node, by name."""
    calling = Node.objects.present().filter(is_central=False).exclude(state=NodeState.CREATED, registered_at=None)
    reported = ("observation__central_addresses", "observation__central_called", "observation__last_seen_at")
    found = []
    for node in calling.select_related("observation").only("name", "host_name", *reported).order_by("name"):
        seen = node.observed
        knows = tuple(seen.central_addresses) if seen else ()
        found.append(Knowing(node, knows, seen.central_called if seen else "", seen.last_seen_at if seen else None))
    return found


def losing_contact(wanted: Sequence[CentralAddress], knowing: Sequence[Knowing]) -> list[Knowing]:
    """Who knows none of the addresses `wanted`, so that it cannot call once the others do not answer."""
    texts = set(netlocs(wanted))
    return [each for each in knowing if not texts & set(each.knows)]


def addresses_set(*, actor: Actor, texts: Sequence[str], now: datetime) -> tuple[CentralAddress, ...]:
    """Nodes are told these from now on. Raises: PermissionRefused, InputInvalid, ZoneMissing."""
    actor.require("certs.change_trustzone")
    found = addresses_checked(texts)
    if settings.QMC_NODE_API_ADDRESSES:
        text = f"QMC_NODE_API_ADDRESSES is {','.join(settings.QMC_NODE_API_ADDRESSES)} in the environment and overrides this. Change it there, or remove it."
        raise InputInvalid({"node_api_addresses": [text]})
    _write(zone_current(), found, chosen=True, actor=actor, now=now)
    return found


@transaction.atomic
def _write(zone: TrustZone, found: Sequence[CentralAddress], *, chosen: bool, actor: Actor, now: datetime) -> None:
    """Raises: InputInvalid where an address is the name of another node or of an export."""
    before, after = netlocs(addresses_recorded()), netlocs(found)
    central = Node.objects.select_for_update().get(is_central=True)
    central.subject_alternative_names = list(dict.fromkeys([*central.subject_alternative_names, *(each.address for each in found)]))
    try:
        names_take(wanted=[names_of(central)], now=now)
    except NamesTaken as exc:
        raise InputInvalid({"node_api_addresses": [str(each) for each in exc.conflicts]}) from exc
    TrustZone.objects.filter(pk=zone.pk).update(node_api_addresses=after, addresses_chosen=chosen)
    if before != after:
        record(actor=actor, action="addresses.set", target=zone, detail={"from": before, "to": after}, now=now)
    # The worker dials the central node where nodes call, as long as `up` does not say where it listens.
    own = addresses.netloc(central.address, central.node_port)
    if own in before and own not in after:
        central.address, central.node_port = found[0].address, found[0].port
    central.save(update_fields=["address", "node_port", "subject_alternative_names"])


def addresses_first(*, chosen: Sequence[str], listening: CentralAddress | None) -> tuple[CentralAddress, ...]:
    """What nodes are told by a trust zone that is made now. Raises: InputInvalid."""
    if said := chosen or settings.QMC_NODE_API_ADDRESSES:
        return addresses_checked(said)
    if listening and addresses.is_wildcard(listening.address):
        raise InputInvalid({"node_api_addresses": [everywhere(listening)]})
    return (listening or DEFAULT,)


def addresses_settle(*, chosen: Sequence[str], listening: CentralAddress | None, now: datetime) -> list[str]:
    """At each start: what nodes are told, and where this machine listens. Returns what a person must know.

    `chosen` was given by a person; `listening` is where `up` listens. Raises: InputInvalid, ZoneMissing.
    """
    zone, told = zone_current(), addresses_recorded()
    nowhere = any(addresses.is_wildcard(each.address) for each in told)
    if said := chosen or settings.QMC_NODE_API_ADDRESSES:
        found = addresses_checked(said)
        if chosen and found != told and others_registered():
            raise InputInvalid({"node_api_addresses": [f"Other nodes are registered and call {', '.join(netlocs(told))}. {REMEDY}"]})
        _write(zone, found, chosen=True, actor=SYSTEM, now=now)
        if listening is None:
            _listens(found[0])
    elif listening and not addresses.is_wildcard(listening.address) and not zone.addresses_chosen and (nowhere or not others_registered()):
        _write(zone, [listening], chosen=False, actor=SYSTEM, now=now)
    elif not zone.node_api_addresses and not nowhere:
        _write(zone, told, chosen=False, actor=SYSTEM, now=now)
    return _followed(listening) if listening else []


def addresses_restore(*, told: Sequence[str], now: datetime) -> None:
    """After a restore: what a person said, or the environment; else nodes call where the backup says. Raises: InputInvalid."""
    if said := told or settings.QMC_NODE_API_ADDRESSES:
        found = addresses_checked(said)
        _write(TrustZone.objects.get(), found, chosen=True, actor=SYSTEM, now=now)
        _listens(found[0])


def _listens(at: CentralAddress) -> None:
    Node.objects.filter(is_central=True).update(address=addresses.loopback_for(at.address), node_port=at.port)


def _followed(listening: CentralAddress) -> list[str]:
    """Raises: InputInvalid where `up` listens on all interfaces and nobody has chosen what nodes are told."""
    told, everything = addresses_recorded(), addresses.is_wildcard(listening.address)
    chosen = bool(settings.QMC_NODE_API_ADDRESSES) or zone_current().addresses_chosen or others_registered()
    if any(addresses.is_wildcard(each.address) for each in told) or (everything and not chosen):
        raise InputInvalid({"node_api_addresses": [everywhere(listening)]})
    _listens(listening)
    if any(each.port == listening.port and (everything or each.address == listening.address) for each in told):
        return []
    here = addresses.netloc(listening.address, listening.port)
    return [
        f"Nodes are told to call {', '.join(netlocs(told))}, and `up` listens on {here}. If the one does not lead to the other: {REMEDY}"
    ]


def everywhere(listening: CentralAddress) -> str:
    return f"{listening.address} means all addresses of this machine, and a node cannot call it. {CHOOSE}"
