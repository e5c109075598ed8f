"""A move to another machine over real processes: the machine is lost, and the site moves from SQLite to PostgreSQL under another host name; the node comes
along; then back."""

import contextlib
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.store import Store
from sitekit.engines import engine, free_port, need
from sitekit.site import ROOT, TAKEN, Site, running_site
from tests.environment import QUICK
from tests.slow import takes_minutes

WORD = "correct horse battery staple"
OPEN = """
from django.contrib.auth.models import User
from tests.whole_log import verify
from certs.models import Certificate
from nodes.models import Node
print(Certificate.objects.get(kind="cluster").sealed_private_key.text()[:27])
print(*Node.objects.order_by("name").values_list("host_name", flat=True))
print(verify() > 20, User.objects.create_user("anna").pk)
"""


class House:
    """The data directory of a site and the environment of its commands."""

    def __init__(self, data: Path, file: Path, node_port: int, environment: dict[str, str]) -> None:
        self.file, self.data, self.node_port = file, data, node_port
        self.environment = environment | {"QMC_DATA_DIR": str(data), "QMC_NODE_API_ADDRESSES": f"127.0.0.1:{node_port}"}

    def restore(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("restore", str(self.file), "--passphrase-file", str(self.file.parent / "passphrase"), *words)

    def seen(self) -> str:
        """The time of the node's last call in its SQLite database."""
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
    output = site.manage("backup", str(file), "--passphrase-file", str(file.parent / "passphrase"), *words)
    assert (file.stat().st_mode & 0o777, WORD in output) == (0o600, False)
    return output


@takes_minutes
def test_a_site_moves_to_another_machine_name_and_database_and_back(tmp_path: Path) -> None:
    need("production")
    (tmp_path / "passphrase").write_text(WORD + "\n")
    with running_site(tmp_path, agents=1, environment=QUICK) as first:
        address, home = first.agents[0], first.data / "agents" / first.agents[0]
        pk, _ = first.register("rim1", address)
        output = back_up(first, tmp_path / "first.age", "--verify")
        assert "verified: a trial restore read" in output
        assert "1 private key of roots (encrypted with the passphrase of the backup)" in output
        assert "Nodes: 2 registered" in output
        assert not list(first.data.glob(".trial-*"))
        assert first.rows("SELECT count(*) FROM jobs_periodicwork WHERE name = 'verified backup' AND last_success IS NOT NULL") == [(1,)]
        assert not [place for place, content in first.contents() if WORD.encode() in content]
        assert first.call("POST", f"/nodes/{pk}/renew/")[0] == 202
        first.restart_agent(address)  # it calls home at once
        first.wait(lambda: generation(home) == 2)
        first.die()
    serve = agent("serve", "--home", str(home), "--address", address, "--setup-address", address)
    with engine("production", tmp_path / "engine") as environment:
        house = House(tmp_path / "second/var", tmp_path / "first.age", first.node_port, first.environment | environment)
        restored = house.restore("--host-name", "new.example")
        assert (restored.returncode, "Central node: new.example" in restored.stdout) == (0, True), restored
        assert "Redistribute: no node" in restored.stdout
        again = house.restore()
        assert (again.returncode, "Nothing was changed" in again.stderr) == (1, True)
        second = Site(house.data, agents=0, environment=environment | QUICK, node_port=first.node_port)
        try:
            second.start()
            the_node_comes_along(second, pk, serve, home, address)
            back_up(second, tmp_path / "second.age")
        finally:
            second.stop()
    and_back_to_sqlite(House(tmp_path / "third/var", tmp_path / "second.age", first.node_port, first.environment), serve, home)


def generation(home: Path) -> int:
    installed = Store(home).current()
    assert installed is not None
    return installed.generation


def the_node_comes_along(site: Site, pk: str, serve: list[str], home: Path, address: str) -> None:
    """The node finds the central node at an address that it has learned, under the old name. Because it was renewed after the backup, it opens for a redistribution automatically."""
    opened, names, further = site.manage("shell", "-v", "0", "-c", OPEN).splitlines()
    assert (opened, names, further) == ("-----BEGIN PRIVATE KEY-----", "new.example rim1.example", "True 2")
    with running(serve):
        site.wait(lambda: answers(f"http://{address}:4444/status/servicestate") == "1")
        status, ceremony = site.call("POST", f"/nodes/{pk}/register/")
        assert status == 202, ceremony
        site.wait_for_state(pk, "awaiting_password")
        assert site.type(address, ceremony["password"])[0] in TAKEN
        site.wait_for_state(pk, "registered")
    installed = Store(home).current()
    assert installed is not None
    assert (installed.central_host_name, installed.generation) == ("new.example", 102)


def answers(url: str) -> str:
    with contextlib.suppress(OSError):
        return Site.read(url)
    return ""


def and_back_to_sqlite(house: House, serve: list[str], home: Path) -> None:
    """The node is known: it calls at the address that it has learned, and at another one after set-central."""
    restored = house.restore()
    assert (restored.returncode, "Central node: new.example" in restored.stdout) == (0, True), restored
    calls_home(house, serve, house.node_port)
    port = free_port()
    words = agent("set-central", "--home", str(home), f"127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    calls_home(house, serve, port)


def calls_home(house: House, serve: list[str], port: int) -> None:
    node_api, before = [sys.executable, "manage.py", "serve", "node-api", "--port", str(port)], house.seen()
    with running(node_api, house.environment | {"QMC_PROCESS": "node-api"}):
        within(30, lambda: is_open(port))
        with running(serve):
            within(30, lambda: house.seen() != before)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
