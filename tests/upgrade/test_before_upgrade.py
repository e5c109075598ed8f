"""Before an upgrade: which databases are migrated, which are copied first, and which are refused without a change."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sitekit.engines import need, postgresql
from storage.database import DatabaseRefused, State, database_look
from storage.upgrade import upgrade_prepare
from tests.slow import takes_minutes
from tests.upgrade.conftest import ROOT, change, manage, opened

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


FORGET = "DELETE FROM django_migrations WHERE app = 'qmc'"  # so that a migration is pending
STATES: dict[str, tuple[list[str], State, str]] = {
    "as it should be": ([], State.CURRENT, ""),
    "a migration is pending": ([FORGET], State.OLDER, ""),
    "a column is missing": (["ALTER TABLE nodes_node DROP COLUMN services"], State.TOO_OLD, "lacks nodes_node.services. Write a backup"),
    "a table is missing": (["DROP TABLE nodes_connection"], State.TOO_OLD, "lacks nodes_connection"),
    "a column is missing and a migration pending": (["ALTER TABLE nodes_node DROP COLUMN services", FORGET], State.TOO_OLD, "nodes_node.services"),
    "an unknown migration": (["INSERT INTO django_migrations (app, name, applied) VALUES ('nodes', '9999_later', '2030-01-01')"], State.NEWER, "does not know nodes.9999_later"),
    "an unknown app": (["INSERT INTO django_migrations (app, name, applied) VALUES ('weather', '0001_initial', '2030-01-01')"], State.NEWER, "weather.0001_initial"),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_databases_of_this_console_are_recognized(data: Path, name: str, django_db_blocker: Any, data_settings: None) -> None:
    statements, state, words = STATES[name]
    change(data, *statements)
    with opened(data) as connection, django_db_blocker.unblock():
        look = database_look(connection)
    assert look.state == state
    assert (words in f"{look.problem} {look.remedy}", bool(look.problem)) == (True, bool(words))


FOREIGN: dict[str, list[str]] = {
    "no framework": ["CREATE TABLE orders (id integer)"],
    "another application of Django": [
        "CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied text)",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0001_initial', '2020-01-01')",
        "CREATE TABLE shop_order (id integer)",
    ],
    "another one, with an app of the same name": [
        "CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied text)",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('jobs', '0001_jobs', '2020-01-01')",
        "CREATE TABLE jobs_job (id integer)",
    ],
}


@pytest.mark.parametrize("name", FOREIGN)
def test_the_database_of_another_application_is_never_changed(tmp_path: Path, name: str, django_db_blocker: Any) -> None:
    change(tmp_path, *FOREIGN[name])
    with opened(tmp_path) as connection, django_db_blocker.unblock():
        assert database_look(connection).state == State.FOREIGN
        with pytest.raises(DatabaseRefused, match="tables of another application"):
            upgrade_prepare(connection, backed_up=True, now=NOW)


EMPTY: dict[str, list[str]] = {"no table": [], "a first start that was cut off": ["CREATE TABLE django_migrations (id integer PRIMARY KEY, app text, name text, applied text)"]}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_database_is_empty(tmp_path: Path, name: str, django_db_blocker: Any) -> None:
    change(tmp_path, *EMPTY[name])
    with opened(tmp_path) as connection, django_db_blocker.unblock():
        assert database_look(connection).state == State.EMPTY
        assert upgrade_prepare(connection, backed_up=False, now=NOW) is None


def copies(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "before-upgrade").glob("*"))


def test_a_failed_upgrade_leaves_one_copy_however_often_it_is_tried(data: Path, data_settings: None, django_db_blocker: Any) -> None:
    change(data, FORGET)
    with opened(data) as connection, django_db_blocker.unblock():
        upgrade_prepare(connection, backed_up=False, now=NOW)
        assert copies(data) == ["2026-11-29T120000Z.sqlite3"]
        upgrade_prepare(connection, backed_up=False, now=NOW + timedelta(hours=1))
        assert copies(data) == ["2026-11-29T130000Z.sqlite3"]
        (data / "before-upgrade/notes.sqlite3").write_text("an administrator's own file")
        change(data, "DELETE FROM django_migrations WHERE app = 'account'")  # another state: its copy is another
        upgrade_prepare(connection, backed_up=False, now=NOW + timedelta(hours=2))
        assert copies(data) == ["2026-11-29T130000Z.sqlite3", "2026-11-29T140000Z.sqlite3", "notes.sqlite3"]


def test_without_space_for_the_copy_nothing_is_migrated(data: Path, data_settings: None, django_db_blocker: Any) -> None:
    change(data, FORGET)
    (data / "before-upgrade").touch()  # represents anything that prevents the copy
    with (
        opened(data) as connection,
        django_db_blocker.unblock(),
        pytest.raises(DatabaseRefused, match=r"could not be copied .* Nothing was changed"),
    ):
        upgrade_prepare(connection, backed_up=False, now=NOW)


def test_migrate_and_init_copy_a_used_database_and_reading_commands_do_not(data: Path) -> None:
    before = (data / "db.sqlite3").read_bytes()
    assert manage(data, "migrate", "--check").returncode == 0
    assert manage(data, "migrate", "qmc", "zero", "--plan").returncode == 0
    assert copies(data) == []
    ended = manage(data, "migrate", "qmc", "zero")
    assert (ended.returncode, "Copied:   the database to" in ended.stdout) == (0, True), ended.stderr
    (copy,) = copies(data)
    assert [path.stat().st_mode & 0o777 for path in (data / "before-upgrade", data / "before-upgrade" / copy)] == [0o700, 0o600]
    with closing(sqlite3.connect(data / "before-upgrade" / copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT name FROM certs_trustzone").fetchall() == [("central.example",)]
        assert database.execute("SELECT count(*) FROM qmc_apitoken").fetchall() == [(0,)]
    assert len(before) > 0
    ended = manage(data, "init")
    assert (ended.returncode, "Copied:   the database to" in ended.stdout) == (0, True), ended.stderr
    assert len(copies(data)) == 2


def test_a_refused_init_changes_no_byte(data: Path) -> None:
    change(data, "ALTER TABLE nodes_node DROP COLUMN services")
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    ended = manage(data, "init")
    assert ended.returncode == 1
    assert ended.stderr.startswith("CommandError: The database was made by a version of this console that cannot be upgraded in place")
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


@takes_minutes
def test_a_used_postgresql_database_is_migrated_only_with_a_confirmed_dump(tmp_path: Path) -> None:
    need("production")
    with postgresql() as url:
        fresh = manage(tmp_path / "var", "init", "--host-name", "central.example", DATABASE_URL=url)
        assert fresh.returncode == 0, fresh.stderr
        again = manage(tmp_path / "var", "init", DATABASE_URL=url)
        assert again.returncode == 0, again.stderr
        refused = manage(tmp_path / "var", "migrate", "qmc", "zero", DATABASE_URL=url)
        assert (refused.returncode, "Nothing was changed. Make a dump (pg_dump)" in refused.stderr) == (1, True), refused
        taken = manage(tmp_path / "var", "migrate", "qmc", "zero", "--backed-up", DATABASE_URL=url)
        assert taken.returncode == 0, taken.stderr
        refused = manage(tmp_path / "var", "init", DATABASE_URL=url)
        assert (refused.returncode, "run the same command with --backed-up" in refused.stderr) == (1, True), refused
        taken = manage(tmp_path / "var", "init", "--backed-up", DATABASE_URL=url)
        assert taken.returncode == 0, taken.stderr
    assert not (tmp_path / "var/before-upgrade").exists()


# One row in every table of the first migrations, whatever its columns mean; then today's migrations over them, and today's models read them.
ROWS = """
import json, uuid
import django
django.setup()
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

OWN = ("audit", "jobs", "certs", "nodes", "qmc")
VALUES = {"UUIDField": uuid.uuid4().hex, "DateTimeField": "2026-01-02 03:04:05", "JSONField": "[]", "BinaryField": b"x", "BooleanField": True}
executor = MigrationExecutor(connection)
first = [(app, "0001_initial") for app in OWN]
executor.migrate([each for each in executor.loader.graph.leaf_nodes() if each[0] not in (*OWN, "people", "bulk", "backups")] + first)
filled = []

def value(field):
    kind = field.target_field.get_internal_type() if field.remote_field else field.get_internal_type()
    return VALUES.get(kind, 1 if any(word in kind for word in ("Integer", "Float", "Auto")) else "x")

with connection.cursor() as cursor:
    cursor.execute("PRAGMA foreign_keys = OFF")
    for model in executor.loader.project_state(first).apps.get_models():
        if model._meta.app_label in OWN or model._meta.db_table == "auth_user":
            row = {each.column: value(each) for each in model._meta.local_concrete_fields}
            places = ", ".join(["%s"] * len(row))
            cursor.execute(f"INSERT INTO {model._meta.db_table} ({', '.join(row)}) VALUES ({places})", list(row.values()))
            filled.append(model._meta.db_table)
executor = MigrationExecutor(connection)
executor.migrate(executor.loader.graph.leaf_nodes())
counts = {}
for model in apps.get_models():
    if model._meta.db_table in filled:
        counts[model._meta.db_table] = len(list(model._base_manager.values_list("pk")))
print(json.dumps(counts))
"""


def test_rows_of_the_first_migrations_survive_every_later_one(tmp_path: Path) -> None:
    environment = {"QMC_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "qmc.settings", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run([sys.executable, "-c", ROWS], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    counts = json.loads(ended.stdout)
    assert len(counts) > 15
    assert set(counts.values()) == {1}
