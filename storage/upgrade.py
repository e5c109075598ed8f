"""Copy the database of a site before it is migrated, so that the previous version can use it again."""

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
    """Called before a migration. Copies the SQLite database of a site and returns the copy. On PostgreSQL, a person must confirm that there is a dump.

    `chosen`: a person named the target migration, which may be an earlier one.
    Raises: DatabaseRefused (nothing was changed).
    """
    look = database_fit(connection, full=True)
    if not look.has_zone or not (look.pending or chosen):
        return None
    if (file := database_file(connection)) is not None:
        return _copy(file, now=now)
    if not backed_up:
        raise DatabaseRefused(
            "This would change the database of a site that is in use, and the console cannot copy a PostgreSQL database.",
            f"Make a dump (pg_dump), or write a backup with the version that you used until now (`{QMC} backup FILE`); then run the same command "
            f"with --backed-up. {UPGRADE}",
        )
    return None


def upgrade_copies() -> list[Path]:
    """The copies, the earliest first. Other files in the folder belong to an administrator."""
    return sorted((settings.QMC_DATA_DIR / FOLDER).glob(COPY))


def _copy(database: Path, *, now: datetime) -> Path:
    folder = settings.QMC_DATA_DIR / FOLDER
    copy = folder / f"{now:%Y-%m-%dT%H%M%SZ}.sqlite3"
    unfinished = folder / "unfinished.sqlite3"
    try:
        write(unfinished, b"", shared=False)  # mode 0600 before it has any content, also if QMC_GROUP is set
        with (
            closing(sqlite3.connect(uri_to_read(database), uri=True)) as source,
            closing(sqlite3.connect(unfinished)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, complete without a log
            recorded = _recorded(target)
        unfinished.rename(copy)
    except (sqlite3.Error, OSError) as exc:
        with suppress(OSError):
            unfinished.unlink()
        raise DatabaseRefused(
            f"The database could not be copied to {folder} before its upgrade: {exc}.",
            "Free some space, or correct the rights of that directory. Then start again.",
        ) from exc
    _drop_earlier(copy, recorded)
    sync_folder(folder)
    return copy


def _drop_earlier(copy: Path, recorded: list[tuple[str, str]]) -> None:
    """Remove earlier copies with the same migrations. They come from upgrades that failed, and have nothing newer than `copy`."""
    for saved in upgrade_copies():
        if saved == copy:
            continue
        with suppress(sqlite3.Error), closing(sqlite3.connect(saved)) as earlier:  # it may be damaged
            if _recorded(earlier) == recorded:
                saved.unlink()


def _recorded(database: sqlite3.Connection) -> list[tuple[str, str]]:
    return database.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall()
