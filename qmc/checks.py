"""System checks of the console: `qmc check`, and `qmc check --deploy` for an installed site."""

from collections.abc import Iterator
from typing import Any

import django_filters
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from attention.expiring import ExpiringTable
from certs.central_key.services import central_keys_proved
from certs.certificates.issuer import root_key
from certs.models import CentralKey, Certificate, DatabaseKey
from certs.states import DatabaseKeyStatus
from nodes.addresses.services import REMEDY, addresses_recorded, is_remote, netlocs
from nodes.central.blocked_reason import central_blocked_reason, signing_blocked_reason
from nodes.models import Node
from pki.core.addresses import is_loopback, is_wildcard
from pki.core.commands import QMC
from pki.core.roles import Kind
from qmc.installation import nearest
from sealing.errors import TrustZoneError
from sealing.fields import encrypted_fields
from sealing.local_keys import key_ring_read
from sealing.root_passphrase import previous_file
from storage.care import older_than_store
from storage.data_directory import readable_by_others
from storage.database import database_look, unusable
from web.lists.declared import List
from web.lists.filters import Named, Search
from web.lists.indexes import trigrams

MOST_ASKED = 50  # asks the name service for nodes without an address


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _encrypted(model: type[Model] | None) -> set[str]:
    return {field.name for owner, field in encrypted_fields() if owner is model}


def _read_by(field: Any) -> Iterator[str | None]:
    """The fields of rows that a filter compares: its own, those of a search, and those of a choice by name."""
    yield field.field_name
    if isinstance(field, Search):
        yield from (*field.names, *field.numbers)
    if isinstance(field, Named):
        yield from (field.key, field.name)


@register(Tags.models)
def nothing_searches_encrypted_fields(**_: Any) -> list[CheckMessage]:
    """Report filters, searches and sortable columns over encrypted fields, which find nothing."""
    found: list[CheckMessage] = []
    hint = "Filter and sort by other columns; show only whether it is set."
    for filters in _subclasses(django_filters.FilterSet):
        names = [name for field in filters.base_filters.values() for name in _read_by(field)]
        wrong = {name.split("__")[0] for name in names if name} & _encrypted(filters._meta.model)
        found += [Error(f"{filters.__name__} filters by the encrypted field {name}.", hint, filters, "qmc.E001") for name in wrong]
    for table in _subclasses(ExpiringTable):
        wrong = {*table.searched} & _encrypted(table().rows().model)
        found += [Error(f"{table.__name__} searches the encrypted field {name}.", hint, table, "qmc.E001") for name in wrong]
    for declared in _subclasses(List):
        wrong = {field.lstrip("-") for fields in declared.sorts().values() for field in fields} & _encrypted(declared.model)
        found += [Error(f"{declared.__name__} sorts by the encrypted field {name}.", hint, declared, "qmc.E002") for name in wrong]
    return found


@register()
def settings_are_known(**_: Any) -> list[CheckMessage]:
    """Report environment variables that no setting reads."""
    return [
        Warning(
            f"{name} is set in the environment, and no such setting exists. The nearest name is {nearest(name)}.",
            f"Correct the name, or unset it. `{QMC} settings --explain` lists the settings.",
            id="qmc.W010",
        )
        for name in settings.INSTALLATION.unknown
    ]


@register(Tags.security, deploy=True)
def nothing_is_readable_by_others(**_: Any) -> list[CheckMessage]:
    """Report files that other accounts can read: the database and the keys of one node reveal every secret."""
    hint = "Start the site again, which corrects this in the data directory, or run chmod go= on it. The account that runs the site must be the owner."
    return [Error(f"Other accounts can read {path}.", hint, id="qmc.E007") for path in readable_by_others()]


@register(Tags.security, deploy=True)
def site_can_work(**_: Any) -> list[CheckMessage]:
    """Check the database first. No other check queries a damaged or foreign database, because a query could change it."""
    look = database_look(connection, full=True)
    if found := unusable(look):
        return [Error(f"{found[0]} [{look.state}]", found[1], id="qmc.E004")]
    if older := older_than_store():
        return [Error(older[0], older[1], id="qmc.E009")]
    return [
        *searches_use_indexes(),
        *central_node_has_certificates(),
        *root_key_opens(),
        *database_key_can_be_read(),
        *central_key_can_be_read(),
        *nodes_can_call(),
    ]


def searches_use_indexes() -> list[CheckMessage]:
    """Report that PostgreSQL searches certificates without an index, because the extension pg_trgm could not be added."""
    if connection.vendor != "postgresql":
        return []
    table = Certificate._meta.db_table
    indexes = trigrams(table, ["subject", "holder", "subject_alternative_names"])
    with connection.cursor() as cursor:
        missing = sorted(indexes.keys() - connection.introspection.get_constraints(cursor, table).keys())
    statements = "; ".join(["CREATE EXTENSION IF NOT EXISTS pg_trgm", *(indexes[name] for name in missing)])
    hint = f"Run this as an administrator of the database: {statements};"
    return [Warning("A search of certificates reads every row of the table.", hint, id="qmc.W011")] if missing else []


def central_node_has_certificates() -> list[CheckMessage]:
    """Report invalid certificates of the central node: other nodes refuse its calls."""
    now = timezone.now()
    blocked_reason = central_blocked_reason(now=now)
    hint = signing_blocked_reason(now=now) if blocked_reason else ""
    return [Error(blocked_reason, hint or f"Run `{QMC} repair_central` on the central node.", id="qmc.E030")] if blocked_reason else []


def root_key_opens() -> list[CheckMessage]:
    """Report a missing root passphrase, because then nothing can be signed. Web processes never have it."""
    root = Certificate.objects.issued().filter(kind=Kind.ROOT).exclude(encrypted_private_key=None).order_by("-not_after").first()
    if root is None or settings.ROOT_PASSPHRASE_FILE is None:
        return []
    try:
        root_key(root)
    except TrustZoneError as exc:
        hint = "Restore the file of the root passphrase of this site. If it is lost, restore the last backup into an empty data directory."
        return [Error(str(exc), hint, id="qmc.E031")]
    return []


def database_key_can_be_read() -> list[CheckMessage]:
    """Report database keys that do not open: they are stored only in this machine's service certificates (S16)."""
    restore = f"Restore the node's store from a backup (`{QMC} restore`), or redistribute this machine from the central node."
    try:
        ring = key_ring_read()
    except TrustZoneError as exc:
        return [Error(str(exc), restore, id="qmc.E003")]
    versions = DatabaseKey.objects.exclude(status__in=[DatabaseKeyStatus.RETIRED, DatabaseKeyStatus.PREPARED])
    found: list[CheckMessage] = [
        Error(f"{version} (key id {version.key_id}) does not open on this machine.", restore, id="qmc.E005")
        for version in versions
        if version.key_id not in ring.keys
    ]
    return found + [
        Warning(f"A service certificate with key does not open: {place}: {text}", restore, id="qmc.W001")
        for place, text in ring.problems.items()
    ]


def central_key_can_be_read() -> list[CheckMessage]:
    """Report a central key file that is missing, damaged or incomplete, unless `init` still has to make the first key."""
    try:
        if CentralKey.objects.exists():
            central_keys_proved()
    except TrustZoneError as exc:
        return [Error(str(exc), "A new key is never made automatically, because it would open nothing.", id="qmc.E008")]
    return []


def nodes_can_call() -> list[CheckMessage]:
    """Report addresses that do not lead nodes to this machine."""
    node_api_addresses = addresses_recorded()
    if any(is_wildcard(address.address) for address in node_api_addresses):
        return [
            Error(
                f"The address that nodes call, {', '.join(netlocs(node_api_addresses))}, leads each node to itself.", REMEDY, id="qmc.E021"
            )
        ]
    if not all(is_loopback(address.address) for address in node_api_addresses):
        return []
    remote = next(filter(is_remote, Node.objects.present().filter(is_central=False)[:MOST_ASKED]), None)
    text = f"The address that nodes call, {', '.join(netlocs(node_api_addresses))}, cannot be reached from {remote}."
    return [Error(text, REMEDY, id="qmc.E022")] if remote else []


@register(Tags.security, deploy=True)
def root_passphrase_is_rotated_whole(**_: Any) -> list[CheckMessage]:
    """Report an interrupted rotation of the root passphrase, which leaves the previous passphrase on the disk."""
    if settings.ROOT_PASSPHRASE_FILE is None or not previous_file().exists():
        return []
    hint = f"Run `{QMC} rotate_root_passphrase` again: it completes the rotation and deletes the file."
    return [Warning(f"A rotation of the root passphrase was interrupted: {previous_file()} still exists.", hint, id="qmc.W007")]
