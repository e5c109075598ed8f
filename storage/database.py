"""Check the database when a process starts, without writing to it. docs/develop/architecture.md, "The database at the start"."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from agent.store import Installed
from certs.models import TrustZone
from pki.core.commands import QMC
from sealing.errors import ZoneBroken, ZoneMissing
from sealing.local_keys import REPAIR, own_store
from storage.database_file import FileClosed, FileDamaged, database_file, file_check, uri_to_read

RECORD, ZONE = MigrationRecorder.Migration._meta.db_table, TrustZone._meta.db_table
UPGRADE = "docs/upgrade.md has the steps."


class State(StrEnum):
    """The state of the database at the start."""

    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older"
    CLOSED = "closed"
    DAMAGED = "damaged"
    FOREIGN = "foreign"
    NEWER = "newer"
    TOO_OLD = "too-old"
    OTHER_ZONE = "other-zone"
    WITHOUT_STORE = "without-store"
    LOST = "lost"


@dataclass(frozen=True)
class Look:
    """The result of the check. `problem` and `remedy` are empty for a database that can be used or migrated."""

    state: State
    problem: str = ""
    remedy: str = ""
    pending: tuple[str, ...] = ()
    has_zone: bool = False


class DatabaseRefused(Exception):
    """The console cannot start on this database: the problem, and the remedy. Nothing was changed."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} Nothing was changed. {remedy}")


def database_fit(connection: BaseDatabaseWrapper = connection, *, full: bool = False) -> Look:
    """For commands that make or upgrade a site. Raises: DatabaseRefused."""
    look = database_look(connection, full=full)
    if look.problem:
        raise DatabaseRefused(look.problem, look.remedy)
    return look


def database_require(*, store: bool = True) -> None:
    """For commands and processes that need an initialized site and this machine's `store`. Raises: DatabaseRefused."""
    look = database_look(connection)
    if (found := unusable(look)) and (store or look.state != State.WITHOUT_STORE):
        raise DatabaseRefused(*found)


def unusable(look: Look) -> tuple[str, str] | None:
    """Why an initialized site cannot use this database, and the remedy."""
    if look.problem:
        return look.problem, look.remedy
    if not look.has_zone:
        return (
            "The database is empty: there is no trust zone yet.",
            f"Run `{QMC} init` on the central node, or `{QMC} restore FILE`.",
        )
    if look.state == State.OLDER:
        return (
            f"The database was made by an older version of this console; it lacks {_some(look.pending)}.",
            f"Stop the site, then start it with `{QMC} up`, or run `{QMC} init`: both copy the database and upgrade it. {UPGRADE}",
        )
    return None


def database_look(connection: BaseDatabaseWrapper, *, full: bool = False) -> Look:
    """Compare the database with this version's migrations and this machine's store. `full`: first read every page of an SQLite file."""
    file = database_file(connection)
    try:
        if file is not None and not file_check(file, full=full):
            return _with_store(Look(State.EMPTY), None)
        with _reader(connection) as reader:
            look = _schema(reader)
            return look if look.problem else _with_store(look, _zone(reader))
    except FileClosed as exc:
        return Look(State.CLOSED, exc.problem, exc.remedy)
    except FileDamaged as exc:
        return Look(State.DAMAGED, exc.problem, exc.remedy)
    except OperationalError as exc:
        reason = str(exc).strip().partition("\n")[0]
        return Look(State.CLOSED, f"The database cannot be reached: {reason}.", "Start its server, or correct DATABASE_URL.")
    except DatabaseError as exc:
        return Look(
            State.DAMAGED,
            f"The database cannot be read: {exc}.",
            f"Restore the last backup into an empty database (`{QMC} restore FILE`).",
        )


@contextmanager
def _reader(connection: BaseDatabaseWrapper) -> Iterator[BaseDatabaseWrapper]:
    """A connection that cannot write to an SQLite file, not even when it is closed."""
    file = database_file(connection)
    if file is None:
        yield connection
        return
    reader = connection.copy()
    reader.settings_dict |= {"NAME": uri_to_read(file), "OPTIONS": {"timeout": 20}}
    try:
        yield reader
    finally:
        reader.close()


def _schema(connection: BaseDatabaseWrapper) -> Look:
    tables = _tables(connection)
    if tables <= {RECORD}:
        return Look(State.EMPTY)
    applied = set(_select(connection, "app, name", RECORD)) if RECORD in tables else set()
    loader = MigrationLoader(None)
    unknown = sorted(f"{app}.{name}" for app, name in applied - loader.disk_migrations.keys())
    is_ours = ZONE in tables and bool(applied)
    strange = tables - {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - {RECORD}
    if not is_ours and (strange or unknown or not applied):
        return Look(
            State.FOREIGN,
            f"The database has tables of another application ({_some(sorted(strange or tables))}).",
            "Give this console an empty database of its own, with DATABASE_URL or --data-dir.",
        )
    if unknown:
        return Look(
            State.NEWER,
            f"The database was upgraded by a newer version of this console. This version does not know {_some(unknown)}.",
            f"Start the newer version again, or restore the copy that it made before the upgrade. {UPGRADE}",
        )
    if missing := sorted(_missing_columns(connection, loader, applied, tables)):
        return Look(
            State.TOO_OLD,
            f"The database was made by a version of this console that cannot be upgraded in place: it lacks {_some(missing)}.",
            f"Write a backup with the version that made it (`{QMC} backup FILE`), then restore that file with this version into an empty data "
            "directory.",
        )
    pending = tuple(sorted(f"{app}.{name}" for app, name in loader.graph.nodes.keys() - applied))
    has_zone = is_ours and bool(_select(connection, "id", f"{ZONE} WHERE founded_at IS NOT NULL"))
    return Look(State.OLDER if pending else State.CURRENT, pending=pending, has_zone=has_zone)


def _select(connection: BaseDatabaseWrapper, columns: str, table: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table}")  # noqa: S608  (every word is written in this module)
        return [tuple(row) for row in cursor.fetchall()]


def _tables(connection: BaseDatabaseWrapper) -> set[str]:
    """Every table, except those of PostgreSQL extensions."""
    with connection.cursor() as cursor:
        tables = {table.name for table in connection.introspection.get_table_list(cursor) if table.type in "tp"}
    if connection.vendor == "postgresql":
        tables -= {name for (name,) in _select(connection, "relname", "pg_class JOIN pg_depend ON objid = pg_class.oid AND deptype = 'e'")}
    return tables


def _some(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + f" and {len(names) - 3} more" * (len(names) > 3)


def _missing_columns(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, applied: set[tuple[str, ...]], tables: set[str]
) -> Iterator[str]:
    """Tables and columns that the recorded migrations should have made, and that are missing: until commit 1c0c2c0 the first migrations were edited."""
    known = [key for key in loader.graph.nodes if key in applied]
    state = apps if len(known) == len(loader.graph.nodes) else loader.project_state(known).apps
    with connection.cursor() as cursor:
        for model in state.get_models(include_auto_created=True):
            table = model._meta.db_table
            if table not in tables:
                yield table
                continue
            # Django's description of a table of SQLite parses the statement that made it, which takes a hundred times as long.
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} WHERE 1 = 0")  # noqa: S608  (the table of a model)
            found = {column[0] for column in cursor.description}
            yield from (f"{table}.{field.column}" for field in model._meta.local_concrete_fields if field.column not in found)


def _zone(connection: BaseDatabaseWrapper) -> str | None:
    """The id of the trust zone in the database, initialized or not."""
    rows = _select(connection, "id", ZONE) if ZONE in _tables(connection) else []
    return str(uuid.UUID(str(rows[0][0]))) if rows else None


def _with_store(look: Look, zone: str | None) -> Look:
    """Compare the database with this machine's store, which has the only copy of its database keys."""
    place = settings.NODE_STORE
    restore = f"Restore the last backup into an empty data directory (`{QMC} restore FILE --data-dir DIR`)"
    try:
        return _compared(look, zone, own_store(), restore)
    except ZoneBroken as exc:
        return Look(State.WITHOUT_STORE, str(exc).removesuffix(REPAIR).strip(), REPAIR)
    except ZoneMissing:
        if not look.has_zone:
            return look
        problem = (
            f"The database has the trust zone {zone}, but this machine has no certificates and keys for it: {place} is missing or empty."
        )
        return Look(State.WITHOUT_STORE, problem, f"Put that directory back. If it is lost: {REPAIR[0].lower()}{REPAIR[1:]}")


def _compared(look: Look, zone: str | None, installed: Installed, restore: str) -> Look:
    if zone is None:
        problem = f"The database is empty, but this machine's store {settings.NODE_STORE} belongs to the trust zone {installed.trust_zone}."
        remedy = f"If its database is elsewhere, correct DATABASE_URL or --data-dir. If it is lost: {restore[0].lower()}{restore[1:]}. For a new trust zone, choose another --data-dir."
        return Look(State.LOST, problem, remedy)
    if zone != installed.trust_zone:
        problem = f"The database belongs to the trust zone {zone}, but this machine's store {settings.NODE_STORE} belongs to {installed.trust_zone}."
        return Look(
            State.OTHER_ZONE,
            problem,
            f"Correct DATABASE_URL or --data-dir, so that both belong to the same site. If one is lost: {restore[0].lower()}{restore[1:]}.",
        )
    return look
