"""From an expired root back to a fully registered site, over real processes.

The clock is libfaketime's: it jumps five years ahead while no process runs, so that every certificate of the site, the
root's with them, has really expired for every process.
"""

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.store import Store
from agent.tls import client_context
from sitekit.probe import REQUEST
from sitekit.site import ROOT, TAKEN, Site, running_site
from tests.environment import QUICK
from tests.slow import takes_minutes
from tests.years.clock import Clock

PASSWORD = "s3cret of the sales figures"
REASON = "The root was recreated. Press Redistribute, then type the new password on the node."


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Iterator[Site]:
    with running_site(tmp_path, agents=2, environment=QUICK | clock.environment) as running:
        yield running


def home(site: Site, number: int) -> Path:
    return site.data / "agents" / site.agents[number]


def agent(site: Site, *words: object) -> str:
    command = [sys.executable, "-m", "agent", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=site.environment, capture_output=True, text=True, check=True, timeout=30).stdout


def recreate(site: Site, folder: Path) -> str:
    """The command as a person runs it, with the name typed."""
    (name,) = site.rows("SELECT name FROM certs_trustzone")[0]
    command = [sys.executable, "manage.py", "recreate_root", "--backup-dir", str(folder)]
    ended = subprocess.run(
        command, cwd=ROOT, env=site.environment, input=f"{name}\n", capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr + site.tell()
    site.wait(site.answers)  # the console serves its new certificate
    return ended.stdout


def is_waiting(site: Site, number: int) -> bool:
    try:
        return Site.read(f"http://{site.agents[number]}:4444/status/servicestate") == "1"
    except OSError:
        return False


def redistribute(site: Site, pk: str, number: int) -> None:
    """Port 4444 answers, so a registration works as usual."""
    status, ceremony = site.call("POST", f"/nodes/{pk}/register/")
    assert status == 202, ceremony
    site.wait_for_state(pk, "awaiting_password")
    assert site.type(site.agents[number], ceremony["password"])[0] in TAKEN
    site.wait_for_state(pk, "registered")


def refused(site: Site, store: Store) -> bool:
    """Whether the central node's port 4242 refuses a real handshake with the certificates in `store`."""
    installed = store.current()
    assert installed is not None
    context = client_context(installed)
    context.sslsocket_class = ssl.SSLSocket
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the other side is to decide
    try:
        with socket.create_connection(("127.0.0.1", site.node_port), 5) as raw, context.wrap_socket(raw) as secure:
            secure.sendall(REQUEST)  # under TLS 1.3 a refused client certificate shows at the first read
            return not secure.recv(64)
    except OSError:
        return True


@takes_minutes
def test_from_an_expired_root_back_to_a_fully_registered_site(site: Site, clock: Clock, tmp_path: Path) -> None:
    fields = {"name": "Sales", "type": "odbc", "connection_string": "DSN=sales", "username": "reader", "password": PASSWORD}
    assert site.call("POST", "/connections/", fields)[0] == 201
    nodes = [site.register(f"rim{number}", address)[0] for number, address in enumerate(site.agents)]
    before: list[Any] = site.rows("SELECT key_id FROM certs_databasekey")

    clock.forward(timedelta(days=61 * 31))
    site.wait(lambda: all(refused(site, Store(home(site, number))) for number in (0, 1)))

    output = recreate(site, tmp_path / "backups")
    assert "proved by a trial restore" in output
    assert "To be redistributed: rim0 (rim0.example)" in output
    assert {node["state_reason"] for node in map(site.node, nodes)} == {REASON}
    agent(site, "remove", "--home", home(site, 0), "--yes")  # the other opens automatically: its certificate has expired
    for number, pk in enumerate(nodes):
        site.wait(lambda number=number: is_waiting(site, number))
        redistribute(site, pk, number)
    is_whole(site)
    assert site.rows("SELECT key_id FROM certs_databasekey") == before


def is_whole(site: Site) -> None:
    """All nodes connect to each other and read encrypted values, and the audit log is complete."""
    assert [row[0] for row in site.rows("SELECT DISTINCT state FROM nodes_node")] == ["registered"]
    assert all(PASSWORD in agent(site, "connections", "--home", home(site, number), "--json") for number in (0, 1))
    assert not any(refused(site, Store(home(site, number))) for number in (0, 1))
    assert "The audit log is whole." in site.manage("verify_audit")
    assert not site.rows("SELECT 1 FROM certs_rotation WHERE under_way")
