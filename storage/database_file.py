"""Check the file of an SQLite database: whether it is damaged, and whether the log beside it (-wal) belongs to it. The check writes to neither."""

import contextlib
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from agent.files import replace
from pki.core.commands import QMC

MAGIC = b"SQLite format 3\0"
LOG_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
NUMBER = slice(60, 64)  # the header's user version, which nothing else here uses
ENOUGH = 3  # findings in a message
LOCKED_S = 20  # as in the settings


class FileDamaged(Exception):
    """The file is damaged: the problem, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem} {remedy}")
        self.problem, self.remedy = problem, remedy


class FileClosed(FileDamaged):
    """The file cannot be opened now, so its content is unknown."""


def database_file(connection: BaseDatabaseWrapper) -> Path | None:
    """The path of an SQLite database; None for PostgreSQL and for a database in memory."""
    name = str(connection.settings_dict["NAME"])
    return Path(name).absolute() if connection.vendor == "sqlite" and not name.startswith(("file:", ":memory:")) else None


def _log(database: Path) -> Path:
    return database.with_name(database.name + "-wal")


def _mark(database: Path) -> Path:
    return database.with_name(database.name + "-mark")


def uri_to_read(database: Path) -> str:
    """Open the database read-only. If it has no log, no process has it open, and this makes none.

    With a rollback journal of a killed process, which only a file without a log has, nothing can be read before SQLite has rolled it back.
    """
    if _size(database.with_name(database.name + "-journal")):
        return database.as_uri() + "?mode=rw"
    return database.as_uri() + ("?mode=ro" if _log(database).exists() else "?mode=ro&immutable=1")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def file_check(database: Path, *, full: bool) -> bool:
    """Whether there is a database. `full`: read all of it, not only its beginning. Raises: FileDamaged, FileClosed."""
    try:
        size, log = _size(database), _size(_log(database))
        if not size and not log:
            return False
        with database.open("rb") if size else contextlib.nullcontext() as file:
            header = file.read(100) if file else b""
        log_magic = b""
        if log:
            with _log(database).open("rb") as file:
                log_magic = file.read(4)
    except OSError as exc:
        raise FileClosed(f"{exc.filename} cannot be read: {exc.strerror}.", "Make the account that runs the console its owner.") from exc
    if not size:
        raise FileDamaged(f"{database.name} is missing or empty, but its log {_log(database).name} is there.", _restore(database))
    if not header.startswith(MAGIC):
        raise FileDamaged(f"{database} is not a database of SQLite, or its beginning was overwritten.", _restore(database))
    if log and log_magic not in LOG_MAGIC:
        raise FileDamaged(f"The log of the database, {_log(database)}, is damaged.", _part(database))
    if log and (numbers := _numbers(database)) and header[NUMBER] not in numbers:
        raise FileDamaged(
            f"The log {_log(database)} does not belong to {database.name}: the database file was restored or replaced, but the log was not.",
            _part(database),
        )
    if full:
        _read_all(database, has_log=bool(log))
    return True


def _read_all(database: Path, *, has_log: bool) -> None:
    # After a crash, or if the file was restored without its log: also check whether indexes and tables agree.
    statement = "integrity_check" if has_log else "quick_check"
    try:
        with closing(sqlite3.connect(uri_to_read(database), uri=True, timeout=LOCKED_S)) as reader:
            found = [str(text) for (text,) in reader.execute(f"PRAGMA {statement}({ENOUGH})")]
    except sqlite3.OperationalError as exc:
        raise FileClosed(
            f"{database} cannot be read: {exc}.",
            "Stop the program that uses it, or make the account that runs the console the owner of the file.",
        ) from exc
    except sqlite3.DatabaseError as exc:
        found = [str(exc)]
    if found != ["ok"]:
        remedy = f"If {database.name} was restored without its log: {_part(database)} Otherwise: {_restore(database)}"
        raise FileDamaged(
            f"{database} is damaged: {'; '.join(' '.join(problem.split()) for problem in found)}.",
            remedy if has_log else _restore(database),
        )


def _restore(database: Path) -> str:
    return (
        f"Move {database.name} and the files {database.name}-* beside it to another folder; do not delete them. Restore the last backup into an "
        f"empty data directory (`{QMC} restore FILE --data-dir DIR`)."
    )


def _part(database: Path) -> str:
    return (
        f"Move {_log(database).name} and {database.name}-shm to another folder and start again: {database.name} is then used without the changes in the "
        "log. Or put back the file that was there before."
    )


def _numbers(database: Path) -> list[bytes]:
    """The numbers that the file may have now, without its log. Empty if it was never marked."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return [bytes.fromhex(number) for number in _mark(database).read_text().split()]
    return []


def log_mark(database: Path) -> None:
    """Give the file a new number, so that an older copy of it is noticed beside a newer log. No other process may write meanwhile."""
    number = secrets.token_bytes(4)
    with database.open("rb") as file:
        before = file.read(100)[NUMBER]
    replace(_mark(database), f"{before.hex()} {number.hex()}".encode())  # until the log is emptied, the file has one of the two
    with closing(sqlite3.connect(database, timeout=LOCKED_S, isolation_level=None)) as writer:
        writer.execute(f"PRAGMA user_version = {int.from_bytes(number, signed=True)}")
        busy, *_ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if not busy:
        replace(_mark(database), number.hex().encode())


def log_empty(database: Path) -> None:
    """Write the log into the file: after a clean stop, the file is complete without a log."""
    with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=5)) as writer:
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
