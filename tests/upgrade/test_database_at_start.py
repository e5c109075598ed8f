"""Databases on which no process may start: they are recognized before anything is written, and the message has the remedy."""

import os
import shutil
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sitekit.engines import free_port, need, postgresql
from storage.database import DatabaseRefused, State, database_look
from storage.database_file import log_empty, log_mark
from storage.upgrade import upgrade_prepare
from tests.environment import QUICK
from tests.slow import one_of, takes_minutes
from tests.upgrade.conftest import ROOT, change, manage, opened

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def write_log(data: Path, statements: int = 40, *, keep: bool = True) -> None:
    """Changes that a killed process left in the log: each lengthens a table and its indexes."""
    copies = data.parent / "log"
    copies.mkdir(exist_ok=True)
    with closing(sqlite3.connect(data / "db.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        for number in range(statements):
            values = (uuid.uuid4().hex, "t", uuid.uuid4().hex, "x" * 200, f"a{number}", *["2026-01-01"] * 2, "", "", "", 0, 0)
            database.execute(
                "INSERT INTO jobs_job (id, task, subject, title, actor, created_at, next_attempt_at, progress, error, outcome, turn, claims) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        if keep:
            for name in ("db.sqlite3", "db.sqlite3-wal"):
                shutil.copy(data / name, copies)
    if keep:  # as the kill leaves them: the last connection would have emptied the log
        for name in ("db.sqlite3", "db.sqlite3-wal"):
            shutil.copy(copies / name, data)


def overwrite(data: Path, offset: int, content: bytes, name: str = "db.sqlite3") -> None:
    with (data / name).open("r+b") as file:
        file.seek(offset)
        file.write(content)


def yesterdays(data: Path) -> None:
    """A copy from before the last start, beside the current log."""
    shutil.copy(data / "db.sqlite3", data.parent / "yesterday")
    write_log(data, keep=False)
    log_mark(data / "db.sqlite3")
    write_log(data, 3)
    shutil.copy(data.parent / "yesterday", data / "db.sqlite3")


def of_this_morning(data: Path) -> None:
    """A copy from after the last start, beside a log that was emptied later: the number is the same."""
    log_mark(data / "db.sqlite3")
    shutil.copy(data / "db.sqlite3", data.parent / "morning")
    write_log(data, 200, keep=False)
    log_empty(data / "db.sqlite3")
    write_log(data, 20)
    shutil.copy(data.parent / "morning", data / "db.sqlite3")


def with_a_damaged_log(data: Path) -> None:
    write_log(data)
    overwrite(data, 0, bytes(32), "db.sqlite3-wal")


def with_its_log_alone(data: Path) -> None:
    write_log(data)
    (data / "db.sqlite3").unlink()


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "the first bytes overwritten": (lambda data: overwrite(data, 0, b"no database at all"), "is not a database of SQLite"),
    "nothing but zeros": (lambda data: (data / "db.sqlite3").write_bytes(bytes(100_000)), "is not a database of SQLite"),
    "another page size in its header": (lambda data: overwrite(data, 16, b"\x00\x07"), "file is not a database"),
    "cut": (lambda data: os.truncate(data / "db.sqlite3", 100_000), "is damaged"),
    "cut within its header": (lambda data: os.truncate(data / "db.sqlite3", 50), "is damaged"),
    "pages of zeros": (lambda data: overwrite(data, 4096 * 20, bytes(4096 * 3)), "is damaged"),
    "a schema that nobody can read": (lambda data: overwrite(data, (data / "db.sqlite3").read_bytes().find(b"CREATE TABLE"), b"CREATE TABEL"), "is damaged"),
    "put back beside a later log": (yesterdays, "does not belong to db.sqlite3: the database file was restored or replaced"),
    "a copy of the same day beside a later log": (of_this_morning, "is damaged"),
    "a damaged log": (with_a_damaged_log, "The log of the database"),
    "its log alone": (with_its_log_alone, "is missing or empty, but its log db.sqlite3-wal is there"),
}  # fmt: skip


def contents(data: Path) -> dict[Path, bytes]:
    """All files except SQLite's shared memory, which every reader of a log makes."""
    return {path: path.read_bytes() for path in data.rglob("*") if path.is_file() and not path.name.endswith("-shm")}


@pytest.mark.parametrize("name", one_of(2, DAMAGES))
def test_a_damaged_database_is_recognized_and_not_changed(data: Path, data_settings: None, name: str, django_db_blocker: Any) -> None:
    damage, words = DAMAGES[name]
    damage(data)
    before = contents(data)
    with opened(data) as connection, django_db_blocker.unblock():
        look = database_look(connection, full=True)
        assert (look.state, words in look.problem) == (State.DAMAGED, True), look
        assert "manage.py restore FILE --data-dir DIR" in look.remedy or "Move db.sqlite3-wal" in look.remedy
        with pytest.raises(DatabaseRefused, match="Nothing was changed"):
            upgrade_prepare(connection, backed_up=True, now=NOW)
    assert contents(data) == before


def test_the_log_of_a_killed_site_is_not_damage(data: Path, data_settings: None, django_db_blocker: Any) -> None:
    log_mark(data / "db.sqlite3")
    write_log(data)
    with opened(data) as connection, django_db_blocker.unblock():
        assert database_look(connection, full=True).state == State.CURRENT


def test_the_remedy_for_a_foreign_log_works(data: Path, data_settings: None, django_db_blocker: Any) -> None:
    yesterdays(data)
    for name in ("db.sqlite3-wal", "db.sqlite3-shm"):
        (data / name).unlink(missing_ok=True)
    with opened(data) as connection, django_db_blocker.unblock():
        assert database_look(connection, full=True).state == State.CURRENT


def without_its_store(data: Path) -> None:
    shutil.rmtree(data / "node")


def with_an_unreadable_store(data: Path) -> None:
    (data / "node/current/manifest.json").write_text("")


STORES: dict[str, tuple[Callable[[Path], Any], State, str]] = {
    "no database beside the store": (lambda data: (data / "db.sqlite3").unlink(), State.LOST, "belongs to the trust zone"),
    "an empty file beside the store": (lambda data: (data / "db.sqlite3").write_bytes(b""), State.LOST, "belongs to the trust zone"),
    "another zone's": (lambda data: change(data, f"UPDATE certs_trustzone SET id = '{uuid.uuid4().hex}'"), State.OTHER_ZONE, "belongs to the trust zone"),
    "no store": (without_its_store, State.WITHOUT_STORE, "is missing or empty"),
    "a damaged store": (with_an_unreadable_store, State.WITHOUT_STORE, "is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", one_of(2, STORES))
def test_database_and_store_belong_together(data: Path, data_settings: None, name: str, django_db_blocker: Any) -> None:
    change_it, state, words = STORES[name]
    change_it(data)
    before = contents(data)
    with opened(data) as connection, django_db_blocker.unblock():
        look = database_look(connection)
        assert (look.state, words in look.problem, "restore" in look.remedy.lower()) == (state, True, True), look
        with pytest.raises(DatabaseRefused):
            upgrade_prepare(connection, backed_up=True, now=NOW)
    assert contents(data) == before


def test_a_file_that_cannot_be_opened_is_not_called_damaged(data: Path, data_settings: None, django_db_blocker: Any) -> None:
    (data / "db.sqlite3").unlink()
    (data / "db.sqlite3").mkdir()  # represents a file without read permission, which root can always read
    with opened(data) as connection, django_db_blocker.unblock():
        assert database_look(connection).state == State.CLOSED


# Every process that would work on the database, with what it says.
DOORS = {
    "init": ["init"],
    "migrate": ["migrate"],
    "up": ["up"],
    "serve": ["serve", "console", "--port", "1"],
    "create_token": ["create_token", "admin", "--name", "x"],
    "backup": ["backup", "file.age"],
    "recreate_root": ["recreate_root", "--backup-dir", "x"],
    "check": ["check", "--deploy"],
}


def refusal(data: Path, words: list[str], **environment: str) -> str:
    if words == ["up"]:
        words = ["up", "--port", str(free_port()), "--node-port", str(free_port())]
    ended = manage(data, *words, **environment)
    assert ended.returncode != 0, ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    return ended.stderr


@pytest.mark.parametrize("door", one_of(4, DOORS))
def test_no_command_or_process_uses_a_damaged_database(data: Path, door: str) -> None:
    overwrite(data, 0, b"no database at all")
    assert "is not a database of SQLite, or its beginning was overwritten." in refusal(data, DOORS[door])


@pytest.mark.parametrize("door", one_of(5, ["serve", "create_token", "backup", "recreate_root", "check"]))
def test_commands_that_do_not_upgrade_say_that_the_database_is_older(data: Path, door: str) -> None:
    change(data, "DELETE FROM django_migrations WHERE app = 'qmc'")
    assert "was made by an older version of this console; it lacks qmc.0001_initial" in refusal(data, DOORS[door])


def worker(data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    around = {name: value for name, value in os.environ.items() if not name.startswith(("QMC_", "PYTHONDEVMODE"))}
    command = [sys.executable, "-m", "celery", "-A", "qmc", "worker", "-P", "threads", "-c", "1"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=around | QUICK | {"QMC_DATA_DIR": str(data)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_worker_does_not_start_on_a_damaged_database(data: Path) -> None:
    overwrite(data, 0, b"no database at all")
    ended = worker(data)
    assert (ended.returncode != 0, "is not a database of SQLite" in ended.stderr) == (True, True), ended


@takes_minutes
def test_init_says_that_another_program_has_locked_the_database(data: Path) -> None:
    around = {name: value for name, value in os.environ.items() if not name.startswith(("QMC_", "PYTHONDEVMODE"))}
    at_once = "import manage, storage.database_file as file; file.LOCKED_S = 0.1; manage.main()"
    with closing(sqlite3.connect(data / "db.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        command = [sys.executable, "-c", at_once, "init", "--data-dir", str(data)]
        ended = subprocess.run(command, cwd=ROOT, env=around | QUICK, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr.startswith("Another program has locked the database"), "Traceback" in ended.stderr) == (
        1,
        True,
        False,
    ), ended


def test_a_lost_database_is_never_replaced_by_a_new_trust_zone(data: Path) -> None:
    """The store has the only copy of the database key."""
    (data / "db.sqlite3").unlink()
    before = contents(data / "node")
    assert "The database is empty, but this machine's store" in refusal(data, ["init"])
    assert contents(data / "node") == before


@takes_minutes
def test_an_unreachable_or_foreign_postgresql_database_is_reported(data: Path) -> None:
    need("production")
    for door in ("init", "serve", "check"):
        message = refusal(data, DOORS[door], DATABASE_URL=f"postgres://qmc@127.0.0.1:{free_port()}/qmc")
        assert "The database cannot be reached: " in message
        assert "DATABASE_URL" in message
    with postgresql() as url:
        assert 'database "missing" does not exist' in refusal(data, ["init"], DATABASE_URL=url.removesuffix("/postgres") + "/missing")
        assert "The database is empty, but this machine's store" in refusal(data, ["init"], DATABASE_URL=url)
        with psycopg.connect(url, autocommit=True) as database:
            database.execute("CREATE TABLE orders (id integer)")
        assert "tables of another application (orders)" in refusal(data, ["init"], DATABASE_URL=url)


DAILY = """
from django.utils import timezone
from jobs.models import PeriodicWork
from attention.needs import attention
from storage.database_file import FileDamaged
from storage.tasks import read_database
try:
    read_database()
except FileDamaged:
    pass
print(*(f"{each.need.code}: {each.need.text} {each.need.remedy}" for each in attention(timezone.now())), sep=chr(10))
"""


def test_the_daily_check_reports_damage_until_the_file_is_repaired(data: Path) -> None:
    with closing(sqlite3.connect(data / "db.sqlite3")) as database:
        ((page,),) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'django_session'").fetchall()
    shutil.copy(data / "db.sqlite3", data.parent / "full")
    overwrite(data, 4096 * (page - 1), bytes(4096))
    ended = manage(data, "shell", "-v", "0", "-c", DAILY)
    assert "database-damaged: " in ended.stdout, ended
    assert "is damaged: " in ended.stdout
    assert "manage.py restore FILE --data-dir DIR" in ended.stdout
    assert "is damaged" in refusal(data, DOORS["init"])
    shutil.copy(data.parent / "full", data / "db.sqlite3")
    for name in ("db.sqlite3-wal", "db.sqlite3-shm"):
        (data / name).unlink(missing_ok=True)
    ended = manage(data, "shell", "-v", "0", "-c", DAILY)
    assert (ended.returncode, "database-damaged" in ended.stdout) == (0, False), ended
