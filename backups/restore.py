"""`restore`: a backup into an empty database and data directory, on this or another machine. docs/develop/architecture.md, "Backup and restore"."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F

from agent.files import replace, undone_on_error
from agent.store import Store
from audit.actors import SYSTEM
from audit.record import record
from backups.archive import CENTRAL_KEY, DATA, NODE, ROOTS, SECRET_KEY, Archive, BackupError, Origin, unseal
from backups.audit_log import log_write
from backups.dump import contains, in_use, rows_load
from backups.proof import fields_open, problems, remarks
from certs.central_key.services import central_key_ensure
from certs.exports.names import names_of as names_of_export
from certs.exports.services import folders_start_over
from certs.models import CentralKey, Certificate, DatabaseKey, Export, HolderKind, NameClaim, TrustZone
from certs.names.services import Names, name_conflicts, names_take
from jobs.leases import RETURNED
from jobs.models import Job, PeriodicWork
from nodes.addresses.services import addresses_checked, addresses_restore, central_addresses, netlocs
from nodes.central.rename import central_rename
from nodes.inventory.names import names_of as names_of_node
from nodes.models import Node, Renewal
from nodes.observation.callers import turns_start_over
from nodes.registration.services import registration_fail
from nodes.renewal.services import renewals_end
from nodes.states import UNDER_WAY, NodeState
from people.accounts.administrators import sign_in_words
from people.accounts.receivers import people_complete
from people.roles.groups import roles_write
from pki.core import clocks, keys, names
from pki.core.errors import PKIError
from sealing.errors import TrustZoneError
from sealing.local_keys import own_store
from sealing.root_passphrase import root_passphrase
from storage.data_directory import data_directory_prepare, root_passphrase_make
from storage.database import State, database_look

AHEAD = 100  # more generations than any node can have had since the backup
RESTORED = "The site was restored from a backup. Press Redistribute for a new password."


@dataclass(frozen=True)
class Report:
    """The findings of the restore, and the next steps for you."""

    origin: Origin
    host_name: str
    node_api_addresses: list[str]
    sign_in: str
    contains: str
    rows: int
    nodes: Counter[str]
    database_keys: list[str]
    fields: int
    redistribute: list[str]
    remarks: list[str]
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """In words."""
        made, nodes = (
            clocks.stamp(self.origin.created_at),
            ", ".join(f"{n} {state}" for state, n in sorted(self.nodes.items())),
        )
        again = [f"Redistribute this node: {node}" for node in self.redistribute]
        return [
            f"Backup of {self.origin.host_name} (trust zone {self.origin.trust_zone}), made {made}; {self.rows} rows",
            f"Central node: {self.host_name}. Nodes call {', '.join(self.node_api_addresses)}",
            f"Contains {self.contains}",
            f"Nodes: {nodes}",
            f"Database key: {', '.join(self.database_keys)}. {self.fields} encrypted values open",
            *(again or ["Redistribute: no node of the backup"]),
            f"Nodes that were registered, renewed or redistributed after {made} wait for a redistribution automatically.",
            f"Revocations and decommissionings after {made} are lost. Revoke the certificates and decommission the nodes again.",
            *self.remarks,
            f"Sign in: {self.sign_in}",
        ]


def restore(*, file: Path, passphrase: str, host_name: str | None = None, node_api_addresses: Sequence[str] = (), now: datetime) -> Report:
    """Restore the site of `file` here. Before any change, everything is decrypted and checked, and database and data directory must be empty.

    `node_api_addresses` are the addresses that nodes call from now on. Without them, those of the backup stay. A `host_name` other than the
    site's gives the central node new certificates, which also have the old name.
    Raises: BackupError, TrustZoneError, PKIError, OSError.
    """
    if host_name is not None:
        names.host_name(host_name, limit=names.LONGEST_CENTRAL_NAME)
    if said := node_api_addresses or settings.QMC_NODE_API_ADDRESSES:
        addresses_checked(said)
    _refuse_unless_empty()
    archive = unseal(_content(file), passphrase)
    with _nothing_left():
        rows, opened, found = _put_back(archive, passphrase, host_name, node_api_addresses, now=now)
    if host_name is not None and host_name != archive.origin.host_name:
        try:
            central_rename(host_name=host_name, now=now)
        except (TrustZoneError, PKIError, OSError) as exc:
            raise BackupError(
                f"The site is restored, but the certificates for {host_name} could not be made: {exc} Fix that, empty database and data "
                "directory, and restore again."
            ) from exc
    return _report(archive, rows, opened, found, now)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise BackupError(f"{file} cannot be read: {exc.strerror}. Nothing was changed. Give the file that `backup` wrote.") from exc


@contextmanager
def _nothing_left() -> Iterator[None]:
    """Undo everything if the restore fails: files and database are then as before."""
    files = [settings.QMC_DATA_DIR, settings.SECRET_KEY_FILE, settings.CENTRAL_KEY_FILE]
    files += [settings.ROOT_PASSPHRASE_FILE] if settings.ROOT_PASSPHRASE_FILE else []
    with undone_on_error(*files):
        try:
            if connection.vendor == "postgresql":
                with transaction.atomic():  # the tables too
                    yield
            else:
                yield
        except BaseException:
            connection.close()
            raise


def _put_back(
    archive: Archive, passphrase: str, host_name: str | None, node_api_addresses: Sequence[str], *, now: datetime
) -> tuple[int, int, list[str]]:
    """The number of loaded rows, the number of values that open, and the problems."""
    data_directory_prepare()
    root_passphrase_make(has_zone=False)
    root_passphrase()
    call_command("migrate", verbosity=0)
    with transaction.atomic():
        rows = rows_load(archive.members[DATA])
        # Backups of earlier versions have no roles, and no register of names.
        people_complete()
        roles_write()
        _names_record()
        _refuse_taken(host_name)
        _roots_seal(archive, passphrase)
        log_write(archive, passphrase, now=now)
        _store_write(archive)
        _central_key_write(archive, now=now)
        found = problems(now=now)
        opened, closed = fields_open()
        _start_over(archive.origin, node_api_addresses, now=now)
        replace(settings.SECRET_KEY_FILE, archive.members[SECRET_KEY])
    return rows, opened, [*found, *closed]


def _refuse_unless_empty() -> None:
    store = settings.NODE_STORE
    if store.exists() and any(store.iterdir()):
        raise BackupError(
            f"{store} already has the store of a site. Nothing was changed. Restore into an empty data directory with --data-dir. If an "
            "earlier restore was interrupted here, delete this data directory first."
        )
    look = database_look(connection, full=True)
    if look.problem and look.state != State.WITHOUT_STORE:  # the database of a site
        raise BackupError(f"{look.problem} Nothing was changed. {look.remedy}")
    if look.state != State.EMPTY and (used := in_use()):
        raise BackupError(
            f"The database is not empty: it has rows of {', '.join(used[:3])}{' and others' * (len(used) > 3)}. Nothing was changed. Give an "
            "empty database (DATABASE_URL, or --data-dir for SQLite)."
        )
    if settings.CENTRAL_KEY_FILE.exists():
        raise BackupError(
            f"{settings.CENTRAL_KEY_FILE} already has a central key, and values of another site may be encrypted with it. Nothing was "
            "changed. Restore into an empty data directory with --data-dir, or move that file first (QMC_CENTRAL_KEY_FILE names it)."
        )


def _names_record() -> None:
    """Make the register of names from nodes and exports, the oldest first."""
    if NameClaim.objects.exists():
        return
    found = [(node.created_at, names_of_node(node)) for node in Node.objects.present()]
    found += [(export.created_at, names_of_export(export)) for export in Export.objects.in_use().defer("archive", "sealed_password")]
    for since, claimed in sorted(found, key=itemgetter(0)):
        names_take(requested=[claimed], now=since, dispute=True)


def _refuse_taken(host_name: str | None) -> None:
    if host_name is None:
        return
    names = Names(HolderKind.NODE, Node.objects.get(is_central=True).pk, exclusive=(host_name,))
    if taken := name_conflicts([names]):
        raise BackupError(f"{taken[0]} Nothing was loaded. Choose another name with --host-name.")


def _roots_seal(archive: Archive, passphrase: str) -> None:
    """Encrypt the root keys, which the backup has under its own passphrase, with this machine's root passphrase."""
    rows = {f"{row.pk}.pem": row for row in Certificate.objects.filter(kind="root")}
    for name, pem in archive.below(ROOTS).items():
        if name not in rows:
            raise BackupError(f"The backup has the private key {name}, but no such root. Nothing was loaded. Use another backup.")
        encrypted = keys.to_encrypted_pem(keys.from_pem(pem, passphrase.encode()), root_passphrase())
        Certificate.objects.filter(pk=rows[name].pk).update(encrypted_private_key=encrypted)


def _store_write(archive: Archive) -> None:
    try:
        Store(settings.NODE_STORE).put_back(archive.below(NODE))
    except ValueError as exc:
        raise BackupError(f"The node store of the backup cannot be restored: {exc}. Nothing was loaded. Use another backup.") from exc


def _central_key_write(archive: Archive, *, now: datetime) -> None:
    """Restore the central key. If the backup is older than central keys, make a new one, and a job encrypts the values of the central node with it."""
    if CENTRAL_KEY in archive.members:
        replace(settings.CENTRAL_KEY_FILE, archive.members[CENTRAL_KEY])
    elif CentralKey.objects.exists():
        raise BackupError("The backup is not complete: it lacks its central key. Nothing was loaded. Use another backup.")
    central_key_ensure(now=now)


def _start_over(origin: Origin, node_api_addresses: Sequence[str] = (), *, now: datetime) -> None:
    """End the work that was in progress at the backup, free all leases, and make every node accept its next package."""
    others = Node.objects.present().filter(is_central=False)
    for node in others.filter(state__in=UNDER_WAY):
        registration_fail(node=node, reason=RESTORED, now=now)
    for node in Node.objects.present().filter(renewals__in=Renewal.objects.under_way()).distinct():
        renewals_end(node, reason="The site was restored from a backup. Renew again.", actor=SYSTEM, now=now)
    others.update(generation=F("generation") + AHEAD)
    turns_start_over()
    addresses_restore(node_api_addresses=node_api_addresses, now=now)
    folders_start_over(node=uuid.UUID(own_store().node), actor=SYSTEM, now=now)
    Job.objects.unfinished().update(lease_until=None, nudged_at=None, next_attempt_at=now)
    PeriodicWork.objects.update(lease_until=RETURNED)
    zone, detail = TrustZone.objects.get(), {"made_at": origin.created_at.isoformat(), "host_name": origin.host_name}
    record(actor=SYSTEM, action="backup.restored", target=zone, detail=detail, now=now)


def _report(archive: Archive, rows: int, opened: int, found: list[str], now: datetime) -> Report:
    states = dict(Node.objects.present().values_list("name", "state"))
    return Report(
        origin=archive.origin, host_name=TrustZone.objects.get().name, node_api_addresses=netlocs(central_addresses()), sign_in=sign_in_words(), contains=contains(archive), rows=rows, nodes=Counter(states.values()),
        database_keys=[f"version {database_key.version} {database_key.status}" for database_key in DatabaseKey.objects.all()], fields=opened,
        redistribute=[name for name, state in states.items() if state == NodeState.FAILED],
        remarks=[] if found else list(remarks(now=now)), problems=found,
    )  # fmt: skip
