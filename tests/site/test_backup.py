"""Moving house over real processes: from SQLite to PostgreSQL under another host name, and back; the node comes along."""

import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.store import Store
from tests.site.conftest import ROOT, Site, running_site
from tests.site.engines import engine, free_port, need

WORD = "correct horse battery staple"
OPEN = """
from certs.models import Certificate
from nodes.models import Node
print(Certificate.objects.get(kind="cluster").sealed_private_key.text()[:27])
print(*Node.objects.order_by("name").values_list("host_name", flat=True))
"""


class House:
    """A place for a site: its data directory and the environment of its commands."""

    def __init__(self, data: Path, file: Path, node_port: int, environment: dict[str, str]) -> None:
        self.file, self.data, self.node_port = file, data, node_port
        self.environment = environment | {"QMC_DATA_DIR": str(data), "QMC_NODE_API_ADDRESSES": f"127.0.0.1:{node_port}"}

    def restore(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("restore", str(self.file), "--passphrase-file", str(self.file.parent / "passphrase"), *words)

    def seen(self) -> str:
        """When its database, SQLite, last heard of the node."""
        query = "SELECT last_seen_at FROM nodes_observation JOIN nodes_node ON node_id = id WHERE NOT is_central"
        with contextlib.closing(sqlite3.connect(self.data / "db.sqlite3")) as database:
            return str(database.execute(query).fetchall())

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert WORD not in ended.stdout + ended.stderr
        return ended


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str] | None = None) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def within(seconds: float, true: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def agent(*words: str) -> list[str]:
    return [sys.executable, "-m", "agent", *words]


def back_up(site: Site, file: Path, *words: str) -> str:
    told = site.manage("backup", str(file), "--passphrase-file", str(file.parent / "passphrase"), *words)
    assert (file.stat().st_mode & 0o777, WORD in told) == (0o600, False)
    return told


def test_a_site_moves_to_another_machine_name_and_database_and_back(tmp_path: Path) -> None:
    need("production")
    (tmp_path / "passphrase").write_text(WORD + "\n")
    with running_site(tmp_path, agents=1) as first:
        address, home = first.agents[0], first.data / "agents" / first.agents[0]
        pk, _ = first.register("rim1", address)
        told = back_up(first, tmp_path / "first.age", "--verify")
        assert "verified: a trial restore opened" in told
        assert "1 private key of roots (under the backup’s passphrase)" in told
        assert "Nodes: 2 registered" in told
        assert not list(first.data.glob(".trial-*"))
        assert first.rows("SELECT count(*) FROM jobs_periodicwork WHERE name = 'verified backup' AND last_success IS NOT NULL") == [(1,)]
        assert not [place for place, content in first.contents() if WORD.encode() in content]
    serve = agent("serve", "--home", str(home), "--address", address, "--setup-address", address)
    with engine("production", tmp_path / "engine") as environment:
        house = House(tmp_path / "second/var", tmp_path / "first.age", first.node_port, first.environment | environment)
        told = house.restore("--host-name", "new.example")
        assert (told.returncode, "The central node is new.example" in told.stdout) == (0, True), told
        assert "To be redistributed: no node" in told.stdout
        again = house.restore()
        assert (again.returncode, "Nothing was changed" in again.stderr) == (1, True)
        other_place = House(tmp_path / "other/var", house.file, house.node_port, house.environment).restore()
        assert (other_place.returncode, "The database is in use" in other_place.stderr) == (1, True)
        second = Site(house.data, agents=0, environment=environment, node_port=first.node_port)
        try:
            second.start()
            the_node_comes_along(second, pk, serve, home, address)
            back_up(second, tmp_path / "second.age")
        finally:
            second.stop()
    and_back_to_sqlite(House(tmp_path / "third/var", tmp_path / "second.age", free_port(), first.environment), serve, home)


def the_node_comes_along(site: Site, pk: str, serve: list[str], home: Path, address: str) -> None:
    """It finds the central node at the address that it was told once, under the old name, and takes a new package."""
    seen = f"SELECT last_seen_at FROM nodes_observation WHERE node_id = '{pk}'"
    before = site.rows(seen)
    opened, names = site.manage("shell", "-v", "0", "-c", OPEN).splitlines()
    assert (opened, names.split()) == ("-----BEGIN PRIVATE KEY-----", ["new.example", "rim1.example"])
    assert "chain whole" in site.manage("verify_audit")
    with running(serve):
        site.wait(lambda: site.rows(seen) != before)
        status, ceremony = site.call("POST", f"/nodes/{pk}/register/")
        assert status == 202, ceremony
        subprocess.run(agent("reopen", "--home", str(home)), cwd=ROOT, check=True, capture_output=True)
        site.wait_for_state(pk, "awaiting_password")
        assert site.type(address, ceremony["password"])[0] == 200
        site.wait_for_state(pk, "registered")
    installed = Store(home).current()
    assert installed is not None
    assert (installed.central_host_name, installed.generation) == ("new.example", 102)


def and_back_to_sqlite(house: House, serve: list[str], home: Path) -> None:
    """Without another name, at a port that the node does not know: it is told with set-central."""
    told = house.restore()
    assert (told.returncode, "The central node is new.example" in told.stdout) == (0, True), told
    assert "chain whole" in house.run("verify_audit").stdout
    before = house.seen()
    node_api = [sys.executable, "manage.py", "serve", "node-api", "--port", str(house.node_port)]
    words = agent("set-central", "--home", str(home), f"127.0.0.1:{house.node_port}")
    assert f"127.0.0.1:{house.node_port}" in subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    with running(node_api, house.environment | {"QMC_PROCESS": "node-api"}), running(serve):
        within(30, lambda: house.seen() != before)
