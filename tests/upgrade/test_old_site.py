"""A site made with the code of commit 1c0c2c0 continues to work with the current code (`make faults`)."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sitekit.site import ROOT, TAKEN, Site
from tests.environment import QUICK
from tests.slow import takes_minutes
from tests.upgrade.conftest import manage
from tests.upgrade.test_migrations import FIRST, migration_files

pytestmark = takes_minutes
OPEN = """
from tests.whole_log import verify
from backups.proof import fields_open, problems
from django.utils import timezone
opened, closed = fields_open()
print(opened, closed, problems(now=timezone.now()), verify())
"""
# Late writers apart, which the job finds within its minute: every value for the center is under the central key, every other under the database key.
SEALED = """
from sealing.central_key_file import central_keys
from sealing.fields import Readers
from sealing.local_keys import key_ring
from sealing.walk import sealed_counts
print(set(sealed_counts(Readers.CENTER)) == set(central_keys()), set(sealed_counts(Readers.NODES)) == set(key_ring().keys))
"""


class OldSite(Site):
    """Where the old code put its nodes, today's code starts them again. `copies`: what was there at once, for they are removed after a while."""

    copies: dict[Path, tuple[int, bytes]]

    def __init__(self, folder: Path) -> None:
        self.recorded: dict[str, Any] = json.loads((folder / "site.json").read_text())
        super().__init__(folder / "var", environment=QUICK, node_port=self.recorded["node_port"])

    def address(self, number: int) -> str:
        return str(self.recorded["agents"][number - 2])


def need_history(commit: str) -> None:
    """Skip the test if the old code is not available."""
    if subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip(
            f"no git history here reaches back to {commit[:7]} (a shallow clone, or an archive of the files): git fetch --unshallow"
        )


def old_site(folder: Path, *options: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("QMC_", "PYTHONDEVMODE"))}
    command = [sys.executable, "scripts/old-site", *options, str(folder)]
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a stopped site, made by the old code itself."""
    need_history(FIRST)
    folder = tmp_path_factory.mktemp("old")
    old_site(folder)
    return folder


@pytest.fixture(scope="module")
def site(old: Path) -> Iterator[OldSite]:
    running = OldSite(old)
    try:
        running.start()
        running.copies = {path: (path.stat().st_mode, path.read_bytes()) for path in (old / "var/before-upgrade").glob("*")}
        yield running
    finally:
        running.stop()
    log = running.data / "db.sqlite3-wal"
    assert not log.exists() or not log.stat().st_size, "a clean stop of `up` leaves nothing in the log"


def test_the_database_was_copied_before_it_was_migrated(site: OldSite, tmp_path: Path) -> None:
    added = {path.stem for path in migration_files()} - {"0001_initial"}
    ((copy, (mode, content)),) = site.copies.items()
    assert (mode & 0o777, "Copied:   the database to" in (site.data.parent / "up.log").read_text()) == (0o600, True)
    (tmp_path / copy.name).write_bytes(content)
    with closing(sqlite3.connect(tmp_path / copy.name)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM audit_event").fetchone() == (site.recorded["events"],)
        assert not added & {name for (name,) in database.execute("SELECT name FROM django_migrations")}


def test_nodes_stay_registered_and_call_with_the_certificates_that_they_have(site: OldSite) -> None:
    rim1 = site.recorded["rim1"]
    site.wait(lambda: site.node(rim1)["online"])
    assert site.node(rim1)["state"] == "registered"
    assert site.call("POST", f"/nodes/{rim1}/renew/")[0] == 202
    site.restart_agent(site.agents[0])  # it calls at once
    site.wait(lambda: site.rows("SELECT status FROM nodes_renewal WHERE generation = 2") == [("proved",)])


def test_a_waiting_node_accepts_the_password_from_before_the_upgrade(site: OldSite) -> None:
    status, answer = site.type(site.agents[1], site.recorded["password"])
    assert status in TAKEN, answer
    site.wait_for_state(site.recorded["rim2"], "registered")


def test_values_of_the_central_node_are_encrypted_with_a_central_key_while_the_site_runs(site: OldSite) -> None:
    site.wait(lambda: site.rows("SELECT settled_at IS NOT NULL, problem FROM certs_centralkey") == [(1, "")])
    assert site.manage("shell", "-v", "0", "-c", SEALED).split() == ["True", "True"]


def test_every_encrypted_value_still_opens(site: OldSite) -> None:
    opened, rest = site.manage("shell", "-v", "0", "-c", OPEN).split(" ", 1)
    assert int(opened) >= 4  # the cluster key, an export, a connection, a browser certificate
    closed, problems, events = rest.rsplit(" ", 2)
    assert (closed, problems, int(events) > site.recorded["events"]) == ("[]", "[]", True)
    home = site.data / "agents" / site.agents[0]
    command = [sys.executable, "-m", "agent", "connections", "--home", str(home), "--json"]
    read = subprocess.run(command, cwd=ROOT, env=site.environment, capture_output=True, text=True, check=False)
    assert "kept for years" in read.stdout, read.stdout + read.stderr


# Of a time when the first migrations were still changed in place: the first with backups, and the last before browser certificates.
TOO_OLD = ("79fab02", "aa9e0da")


@pytest.mark.parametrize("commit", TOO_OLD)
def test_a_site_that_cannot_be_upgraded_is_refused_and_its_backup_is_restored(tmp_path: Path, commit: str) -> None:
    need_history(commit)
    old_site(tmp_path, "--no-site", "--commit", commit)
    python, code, data, new = (tmp_path / name for name in ("packages/bin/python", "code", "var", "new"))
    (tmp_path / "passphrase").write_text("correct horse battery")
    around = {name: value for name, value in os.environ.items() if not name.startswith(("QMC_", "PYTHONDEVMODE"))} | QUICK
    passphrase_file = ["--passphrase-file", str(tmp_path / "passphrase")]
    for words in (["init", "--host-name", "central.example"], ["backup", str(tmp_path / "b.age"), *passphrase_file]):
        subprocess.run([python, "manage.py", *words], cwd=code, env=around | {"QMC_DATA_DIR": str(data)}, check=True)
    refused = manage(data, "init")
    assert (refused.returncode, "Write a backup with the version that made it" in refused.stderr) == (1, True), refused
    restored = manage(new, "restore", str(tmp_path / "b.age"), *passphrase_file)
    assert restored.returncode == 0, restored.stderr
    assert manage(new, "init").returncode == 0
