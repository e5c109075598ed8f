"""What the database holds when a process starts: looked at, never written to. docs/architecture.md, "The database at the start"."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from certs.models import TrustZone

RECORD = MigrationRecorder.Migration._meta.db_table
UPGRADE = "README.md, section Upgrade, has the steps."


class State(StrEnum):
    """Of a database, as the console's own processes find it."""

    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older"
    TOO_OLD = "too-old"
    NEWER = "newer"
    FOREIGN = "foreign"


class DatabaseRefused(Exception):
    """Nothing is started on this database: what is wrong with it, and the way out. Nothing was changed."""


@dataclass(frozen=True)
class Look:
    """What was found. `text` says what is wrong and the way out; it is empty for a database that can be used or migrated."""

    state: State
    text: str = ""
    pending: tuple[str, ...] = ()
    founded: bool = False


def database_look(connection: BaseDatabaseWrapper) -> Look:
    """Compare the tables and the recorded migrations of `connection` with this version's own."""
    tables = _tables(connection)
    if tables <= {RECORD}:
        return Look(State.EMPTY)
    loader = MigrationLoader(connection)
    applied = set(loader.applied_migrations or ())
    unknown = sorted(f"{app}.{name}" for app, name in applied - loader.disk_migrations.keys())
    is_ours = TrustZone._meta.db_table in tables and applied
    strange = tables - {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - {RECORD}
    if not is_ours and (strange or unknown or not applied):
        return Look(
            State.FOREIGN,
            f"The database holds tables of another application ({_some(sorted(strange or tables))}). Nothing was changed. Give this console "
            "an empty database of its own, with DATABASE_URL or --data-dir.",
        )
    if unknown:
        return Look(
            State.NEWER,
            f"The database was migrated by a newer version of this console: {_some(unknown)} is not known here. Nothing was changed. Start "
            "the newer version again, or put back the copy that it made before it migrated. " + UPGRADE,
        )
    if missing := sorted(_missing_columns(connection, loader, tables)):
        return Look(
            State.TOO_OLD,
            f"The database was made by a version of this console that cannot be upgraded in place: it lacks {_some(missing)}. Nothing was "
            "changed. Write a backup with the version that made it (manage.py backup FILE), then restore that file with this version into "
            "an empty data directory.",
        )
    pending = tuple(sorted(f"{app}.{name}" for app, name in loader.graph.nodes.keys() - applied))
    return Look(State.OLDER if pending else State.CURRENT, pending=pending, founded=bool(is_ours) and _is_founded(connection))


def _tables(connection: BaseDatabaseWrapper) -> set[str]:
    """Every table but those that an extension of PostgreSQL brought."""
    with connection.cursor() as cursor:
        tables = {each.name for each in connection.introspection.get_table_list(cursor) if each.type in "tp"}
        if connection.vendor == "postgresql":
            cursor.execute("SELECT relname FROM pg_class JOIN pg_depend ON objid = pg_class.oid AND deptype = 'e'")
            tables -= {name for (name,) in cursor.fetchall()}
    return tables


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + f" and {len(names) - 3} more" * (len(names) > 3)


def _missing_columns(connection: BaseDatabaseWrapper, loader: MigrationLoader, tables: set[str]) -> Iterator[str]:
    """What the recorded migrations should have made, and is not there: until commit 1c0c2c0 the first migrations were changed in place."""
    applied = set(loader.applied_migrations or ()) & loader.graph.nodes.keys()
    is_current = applied == loader.graph.nodes.keys()
    state = apps if is_current else loader.project_state(list(applied)).apps
    with connection.cursor() as cursor:
        for model in state.get_models(include_auto_created=True):
            table = model._meta.db_table
            if not model._meta.managed:
                continue
            if table not in tables:
                yield table
                continue
            found = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            yield from (f"{table}.{field.column}" for field in model._meta.local_concrete_fields if field.column not in found)


def _is_founded(connection: BaseDatabaseWrapper) -> bool:
    table = connection.ops.quote_name(TrustZone._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table} WHERE founded_at IS NOT NULL")  # noqa: S608  (the table's name is our own)
        (count,) = cursor.fetchone()
    return bool(count)
