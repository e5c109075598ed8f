"""Repair a central node without valid certificates: it gets new ones from the current root, with the same database key.

docs/develop/architecture.md has the steps.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.db import transaction

from agent.store import BROWSER, SERVICE, Store, package_files
from audit.actors import Actor
from audit.models import Event
from audit.record import record
from certs.certificates.issuer import issuer_current, issuing_root, roots_in_force
from certs.models import Certificate, DatabaseKey
from certs.roots.services import cluster_in_force, cluster_renew
from certs.zone.services import zone_current
from nodes.addresses.services import central_addresses
from nodes.central.blocked_reason import central_blocked_reason, signing_blocked_reason
from nodes.central.services import central_alone, central_clean, central_install, central_next, central_settle
from nodes.models import Node
from nodes.observation.clock_doubt import clock_believed
from pki.core import database_key, keys
from pki.core.clocks import stamp
from pki.core.commands import QMC
from pki.core.errors import PKIError
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.core.verify import fingerprint
from pki.exchange.package import Package
from sealing.errors import TrustZoneError, ZoneBroken, ZoneMissing
from sealing.local_keys import key_ring_read, own_store

PERMISSION = "certs.recreate_root"
STARTED, REPAIRED = "central.repair_started", "central.repaired"
REASON = "The central node was repaired."


class RepairRefused(Exception):
    """The repair was refused and changed nothing. The text says why, and what to do next."""


@dataclass(frozen=True)
class Repaired:
    """The result of a repair: why it was needed ("" if it completed an earlier run), and until when the certificates are valid."""

    blocked_reason: str
    not_after: datetime


def central_repair(*, actor: Actor, now: datetime) -> Repaired:
    """Create and install new certificates for the central node. Other nodes and the database key do not change.

    Raises: PermissionRefused, RepairRefused, ZoneMissing, CentralBusy, TrustZoneError, NodesError, PKIError, OSError.
    """
    actor.require(PERMISSION)
    zone_current()
    with central_alone():
        central = Node.objects.get(is_central=True)
        blocked_reason = _reason_here(central, now)
        if blocked_reason:
            clock_believed(now=now)
            _refuse_unsigned(now)
            _make_readable(central, now)
            central = _begin(actor, blocked_reason, now)
            _cluster_ensure(actor, now)
            central_install(central, now=now)
        elif not _is_cut_off(central):
            until = stamp(own_store().service.not_valid_after_utc)
            raise RepairRefused(f"The central node's certificates are valid until {until}. Nothing was changed.")
        return _complete(central, actor, blocked_reason, now)


def _reason_here(central: Node, now: datetime) -> str:
    """The same as `central_blocked_reason`, for the machine whose store is to be repaired. Raises: RepairRefused elsewhere."""
    try:
        if own_store().node != str(central.pk):
            raise RepairRefused("This is not the central node. Nothing was changed. Run this command on the central node.")
    except ZoneMissing:
        return f"Nothing is installed in {settings.NODE_STORE}."
    except ZoneBroken:
        pass  # the damage is reported below
    return central_blocked_reason(now=now)


def _refuse_unsigned(now: datetime) -> None:
    blocked_reason = signing_blocked_reason(now=now)
    if not blocked_reason:
        try:
            issuer_current()
        except (TrustZoneError, PKIError) as exc:
            blocked_reason = f"The root cannot sign: {exc} Check QMC_ROOT_PASSPHRASE_FILE."
    if blocked_reason:
        raise RepairRefused(f"{blocked_reason} Nothing was changed.")


def _make_readable(central: Node, now: datetime) -> None:
    """If the store is unreadable, write a generation from a readable service pair and the database.

    Raises: RepairRefused if no service pair has a live database key.
    """
    live = [version.key_id or "" for version in DatabaseKey.objects.live()]
    if _opens_all(live):
        return
    found = _pairs_found(central)
    if missing := [str(version) for version in DatabaseKey.objects.live() if version.key_id not in found]:
        raise RepairRefused(
            f"No service certificate in {settings.NODE_STORE} has {' and '.join(missing)}, so the encrypted values of the database cannot be read. "
            f"Nothing was changed. Restore the site from a backup (`{QMC} restore`)."
        )
    store, number = Store(settings.NODE_STORE), max([central.generation, *_generations()]) + 1
    files = package_files(_stopgap(central, found[live[0]], number, now))
    files[BROWSER] = files[SERVICE]
    content = {f"generations/{number}/{name}": file for name, file in files.items()}
    content |= {f"service-pairs/{key_id}/service.pem": found[key_id].private_key + found[key_id].certificate for key_id in live}
    with store.locked():
        store.put_back(content)


def _opens_all(live: list[str]) -> bool:
    try:
        return set(live) <= key_ring_read().keys.keys()
    except (ZoneMissing, ZoneBroken):
        return False


def _generations() -> list[int]:
    return [int(path.name) for path in (settings.NODE_STORE / "generations").glob("*") if path.name.isdigit()]


def _pairs_found(central: Node) -> dict[str, Pair]:
    """Every readable service pair of the central node in the store, by the id of its database key."""
    recorded = set(Certificate.objects.filter(holder_id=central.pk, kind=Kind.SERVICE).values_list("sha256", flat=True))
    oids, found = zone_current().database_key_oids, {}
    for path in settings.NODE_STORE.rglob("service.pem"):
        try:
            pem = path.read_bytes()
            certificate, key = x509.load_pem_x509_certificate(pem), keys.from_pem(pem, own=True)
            key_id = database_key.read(certificate, key, oids).key_id.hex()
        except (OSError, ValueError, PKIError):
            continue
        if fingerprint(certificate) in recorded or certificate.subject.rfc4514_string() == f"CN={central.host_name}":
            found[key_id] = Pair(certificate.public_bytes(Encoding.PEM), keys.to_pem(key))
    return found


def _stopgap(central: Node, service: Pair, number: int, now: datetime) -> Package:
    """A package that makes the store readable until the next generation is installed. The service pair replaces the other pairs, whose keys are lost."""
    zone = zone_current()
    return Package(
        trust_zone=str(zone.pk), node=str(central.pk), host_name=central.host_name, generation=number, central_host_name=zone.name,
        central_addresses=central_addresses(), roots=tuple(root.pem().encode() for root in roots_in_force()), service=service,
        client=service, cluster=service, expires_at=now,
        database_key_oids=zone.database_key_oids,
    )  # fmt: skip


@transaction.atomic
def _begin(actor: Actor, blocked_reason: str, now: datetime) -> Node:
    central = central_next(reason=REASON, now=now)
    record(actor=actor, action=STARTED, target=central, detail={"reason": blocked_reason, "generation": central.generation}, now=now)
    return central


def _cluster_ensure(actor: Actor, now: datetime) -> None:
    """Make sure that there is a valid cluster certificate of the issuing root, which the package needs."""
    root = issuing_root()
    held = cluster_in_force(root)
    if held is None or held.issuer_id != root.pk or now > held.not_after or held.sealed_private_key is None:
        cluster_renew(zone=zone_current(), root=root, actor=actor, now=now)


def _is_cut_off(central: Node) -> bool:
    """Whether the last repair was interrupted after it installed the certificates."""
    last = Event.objects.for_target(central.pk).filter(action__in=[STARTED, REPAIRED]).first()
    return last is not None and last.action == STARTED


def _complete(central: Node, actor: Actor, blocked_reason: str, now: datetime) -> Repaired:
    central_settle(now=now)
    central_clean()
    with transaction.atomic():
        record(actor=actor, action=REPAIRED, target=central, detail={"generation": own_store().generation}, now=now)
    return Repaired(blocked_reason, own_store().service.not_valid_after_utc)
