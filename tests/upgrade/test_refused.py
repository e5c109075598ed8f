"""Refused commands change nothing: files and database stay as they were."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from backups.archive import DATA, SECRET_KEY, Archive, Origin
from sitekit.engines import free_port, need, postgresql
from tests.age import sealed_at_once
from tests.slow import one_of, takes_minutes
from tests.upgrade.conftest import ROOT, change, manage

WORD = "correct horse battery"
ARCHIVE = Archive(Origin(datetime(2026, 1, 2, tzinfo=UTC), "zone", "central.example"), {DATA: b"", SECRET_KEY: b"secret"})
OTHER_ROWS = Archive(ARCHIVE.origin, {DATA: b'{"model": "nodes.other", "pk": 1, "fields": {}}\n', SECRET_KEY: b"secret"})


@pytest.fixture(scope="module")
def archives() -> dict[str, bytes]:
    """Files that are not backups that can be restored here."""
    return {
        "rows.age": sealed_at_once(OTHER_ROWS, WORD), "whole.age": sealed_at_once(ARCHIVE, WORD), "other.age": sealed_at_once(ARCHIVE, WORD + "!"), "cut.age": sealed_at_once(ARCHIVE, WORD)[:-9], "text.age": b"no backup",
        "passphrase": WORD.encode(), "short": b"short",
    }  # fmt: skip


def state(folder: Path) -> dict[Path, bytes | None]:
    """Every file with its content, except SQLite's shared memory, which does not last."""
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.name.endswith("-shm")
    }


def restore_words(file: str, passphrase: str = "passphrase", *further: str) -> list[str]:
    return ["restore", f"{{place}}/{file}", "--passphrase-file", f"{{place}}/{passphrase}", *further]


# In a place without a site: what is typed, and what is said.
WITHOUT_A_SITE = {
    "restore: rows of another version": (restore_words("rows.age"), "The rows of the backup do not fit this version of the console"),
    "restore: another passphrase": (restore_words("other.age"), "The backup does not open"),
    "restore: a file that was cut": (restore_words("cut.age"), "The backup does not open"),
    "restore: another file": (restore_words("text.age"), "The backup does not open"),
    "restore: no file": (restore_words("missing.age"), "missing.age"),
    "restore: a directory": (restore_words("."), "cannot be read: Is a directory. Nothing was changed."),
    "restore: into a file": (
        restore_words("whole.age", "passphrase", "--data-dir", "{place}/text.age"),
        "Choose a directory with --data-dir",
    ),
    "restore: no passphrase": (restore_words("rows.age", "missing"), "Check --passphrase-file"),
    "restore: no host name": (restore_words("rows.age", "passphrase", "--host-name", "no name"), "The host name contains a space"),
    "backup": (["backup", "{place}/b.age", "--passphrase-file", "{place}/passphrase"], "there is no trust zone yet"),
    "create_token": (["create_token", "admin", "--name", "x"], "there is no trust zone yet"),
    "recreate_root": (["recreate_root", "--backup-dir", "{place}/backups"], "there is no trust zone yet"),
    "serve": (["serve", "console", "--port", "1"], "there is no trust zone yet"),
    "check": (["check", "--deploy"], "there is no trust zone yet"),
}


@pytest.mark.parametrize("name", one_of(8, WITHOUT_A_SITE))
def test_refused_commands_without_a_site_leave_no_files(tmp_path: Path, archives: dict[str, bytes], name: str) -> None:
    words, message = WITHOUT_A_SITE[name]
    for file, content in archives.items():
        (tmp_path / file).write_bytes(content)
    before = state(tmp_path)
    ended = manage(tmp_path / "new/var", *(argument.format(place=tmp_path) for argument in words))
    assert (ended.returncode, message in ended.stderr, "Traceback" in ended.stderr) == (1, True, False), ended
    assert state(tmp_path) == before


# In the place of a site.
WITH_A_SITE = {
    "restore over it": (restore_words("rows.age"), "Nothing was changed"),
    "a backup over a file": (["backup", "{place}/rows.age", "--passphrase-file", "{place}/passphrase"], "exists already"),
    "a backup with a short passphrase": (["backup", "{place}/b.age", "--passphrase-file", "{place}/short"], "It needs 12 to 200"),
    "a backup where nothing can be written": (
        ["backup", "{place}/short/b.age", "--passphrase-file", "{place}/passphrase"],
        "could not be written",
    ),
    "recreate_root with another name": (["recreate_root", "--backup-dir", "{place}/b", "--trust-zone", "x"], "Nothing was changed"),
    "recreate_root that cannot back up": (
        ["recreate_root", "--backup-dir", "{place}/short/b", "--trust-zone", "central.example"],
        "Nothing was changed",
    ),
}


@pytest.mark.parametrize("name", one_of(8, WITH_A_SITE))
def test_refused_commands_on_a_site_change_nothing(data: Path, tmp_path: Path, archives: dict[str, bytes], name: str) -> None:
    words, message = WITH_A_SITE[name]
    for file, content in archives.items():
        (tmp_path / file).write_bytes(content)
    before = state(tmp_path)
    ended = manage(data, *(argument.format(place=tmp_path) for argument in words))
    assert (ended.returncode, message in ended.stderr, "Traceback" in ended.stderr) == (1, True, False), ended
    left = {path for path, content in state(tmp_path).items() if before.get(path, "") != content}
    assert left <= {Path("var/recreate.lock"), Path("var/db.sqlite3-wal")}
    assert (data / "db.sqlite3").read_bytes() == before[Path("var/db.sqlite3")]


@pytest.mark.parametrize(
    "words", one_of(3, [["init"], ["up", "--port", "{port}", "--node-port", "{other}"], ["migrate"]]), ids=lambda words: words[0]
)
def test_the_database_of_another_application_is_refused_before_anything_is_made(tmp_path: Path, words: list[str]) -> None:
    change(tmp_path, "CREATE TABLE orders (id integer)")
    before = state(tmp_path)
    url = f"sqlite:///{tmp_path}/db.sqlite3"
    ended = manage(tmp_path / "var", *(argument.format(port=free_port(), other=free_port()) for argument in words), DATABASE_URL=url)
    assert (ended.returncode, "tables of another application (orders)" in ended.stderr) == (1, True), ended
    assert state(tmp_path) == before


@takes_minutes
def test_a_refused_restore_leaves_no_table_in_postgresql(tmp_path: Path, archives: dict[str, bytes]) -> None:
    need("production")
    for file, content in archives.items():
        (tmp_path / file).write_bytes(content)
    before = state(tmp_path)
    with postgresql() as url:
        words = [argument.format(place=tmp_path) for argument in restore_words("rows.age")]
        ended = manage(tmp_path / "var", *words, DATABASE_URL=url)
        assert (ended.returncode, "do not fit this version of the console" in ended.stderr) == (1, True), ended
        with psycopg.connect(url) as database:
            assert database.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    assert state(tmp_path) == before


AGENT = {
    "restore of nothing": ["restore", "{place}/missing.tar"],
    "restore of another file": ["restore", "{place}/text.age"],
    "import-cluster": ["import-cluster", "{place}/text.age"],
    "backup": ["backup", "{place}/b.tar"],
    "connections": ["connections"],
    "remove": ["remove", "--yes"],
    "unlock": ["unlock"],
}


@pytest.mark.parametrize("name", one_of(6, AGENT))
def test_commands_of_the_agent_make_no_missing_home(tmp_path: Path, archives: dict[str, bytes], name: str) -> None:
    (tmp_path / "text.age").write_bytes(archives["text.age"])
    before = state(tmp_path)
    command = [
        sys.executable,
        "-m",
        "agent",
        *(argument.format(place=tmp_path) for argument in AGENT[name]),
        "--home",
        str(tmp_path / "typo"),
    ]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False), ended
    assert state(tmp_path) == before
