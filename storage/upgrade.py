"""Before a used database is migrated: a copy of it, so that the version before can go on with it."""

import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from agent.files import sync_folder, write
from pki.core.commands import QMC
from storage.database import UPGRADE, DatabaseRefused, database_fit
from storage.database_file import database_file, uri_to_read

FOLDER, COPY = "before-upgrade", "????-??-??T??????Z.sqlite3"


def upgrade_prepare(connection: BaseDatabaseWrapper, *, backed_up: bool, chosen: bool = False, now: datetime) -> Path | None:
    """Called before anything is migrated. Copies a used SQLite database and returns the copy; on PostgreSQL somebody must say that there is a dump.

    `chosen`: somebody named the migration to go to, which may lie behind what is applied.
    Raises: DatabaseRefused (nothing was changed).
    """
    look = database_fit(connection, whole=True)
    if not look.founded or not (look.pending or chosen):
        return None
    if (file := database_file(connection)) is not None:
        return _copy(file, now=now)
    if not backed_up:
        raise DatabaseRefused(
            "The database of a site that is in use would be changed, and this console makes no copy of PostgreSQL.",
            f"Make a dump (pg_dump), or write a backup with the version that ran until now (`{QMC} backup FILE`); then run the same command "
            f"with --backed-up. {UPGRADE}",
        )
    return None


def upgrade_copies() -> list[Path]:
    """The earliest first. What else is in the folder is an administrator's own."""
    return sorted((settings.QMC_DATA_DIR / FOLDER).glob(COPY))


def _copy(database: Path, *, now: datetime) -> Path:
    folder = settings.QMC_DATA_DIR / FOLDER
    copy = folder / f"{now:%Y-%m-%dT%H%M%SZ}.sqlite3"
    unfinished = folder / "unfinished.sqlite3"
    try:
        write(unfinished, b"", shared=False)  # of mode 0600 before anything is in it, also where QMC_GROUP is set
        with (
            closing(sqlite3.connect(uri_to_read(database), uri=True)) as source,
            closing(sqlite3.connect(unfinished)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, whole without a second one beside it
            recorded = _recorded(target)
        unfinished.rename(copy)
    except (sqlite3.Error, OSError) as exc:
        with suppress(OSError):
            unfinished.unlink()
        raise DatabaseRefused(
            f"The database could not be copied to {folder} before its upgrade: {exc}.",
            "Make room or set the rights of that directory, then start again.",
        ) from exc
    _drop_earlier(copy, recorded)
    sync_folder(folder)
    return copy


def _drop_earlier(copy: Path, recorded: list[tuple[str, str]]) -> None:
    """An earlier copy of the same migrations is of an upgrade that failed: nothing in it is newer than in `copy`."""
    for each in upgrade_copies():
        if each == copy:
            continue
        with suppress(sqlite3.Error), closing(sqlite3.connect(each)) as earlier:  # it may be damaged
            if _recorded(earlier) == recorded:
                each.unlink()


def _recorded(database: sqlite3.Connection) -> list[tuple[str, str]]:
    return database.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall()
