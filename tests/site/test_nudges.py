"""A revocation reaches nodes within seconds, although they call once a minute. The export that is revoked cannot ask a node to call."""

import contextlib
import http.client
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from agent import tls
from agent.store import Installed, Store
from sitekit.site import Site
from tests.slow import takes_minutes

NAMES, SECRET = ("near", "far", "farther"), "a secret of the test"
QUIET_S, WITHIN_S = 15, 10  # longer than pending nodes wait between two calls and than an agent waits between two early ones


class Nodes:
    """Registered nodes for this file, on the shared site."""

    def __init__(self, site: Site) -> None:
        self.site, self.addresses = site, {name: site.address(50 + number) for number, name in enumerate(NAMES)}
        for name, address in self.addresses.items():
            where = ["--home", str(self.home(name)), "--address", address, "--setup-address", address]
            site.commands[name] = [sys.executable, "-m", "agent", "serve", *where]
        site.keep_further()
        site.wait(lambda: all(map(self.waits, self.addresses.values())))
        with ThreadPoolExecutor() as pool:
            self.ids = [pk for pk, _ in pool.map(site.register, NAMES, self.addresses.values())]

    def home(self, name: str) -> Path:
        return self.site.data / "agents" / self.addresses[name]

    @staticmethod
    def waits(address: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((address, 4570)) == 0

    def installed(self, name: str) -> Installed:
        installed = Store(self.home(name)).current()
        assert installed is not None
        return installed

    def calls(self) -> list[str]:
        """When each node called last."""
        ids = ", ".join(f"'{pk if self.site.database else pk.replace('-', '')}'" for pk in self.ids)
        rows = self.site.rows(f"SELECT last_seen_at FROM nodes_observation WHERE node_id IN ({ids}) ORDER BY node_id")
        return [str(row[0]) for row in rows]

    def wait_until_quiet(self) -> None:
        """Wait until no node calls for a while: then each calls once a minute."""
        before, since = self.calls(), time.monotonic()
        while time.monotonic() - since < QUIET_S:
            time.sleep(0.5)
            if (now := self.calls()) != before:
                before, since = now, time.monotonic()

    def end(self) -> None:
        for pk in self.ids:
            self.site.call("POST", f"/nodes/{pk}/decommission/")
        for name in NAMES:
            del self.site.commands[name]
            agent = self.site.further.pop(name)
            agent.terminate()
            agent.wait(20)


@pytest.fixture(scope="module")
def nodes(site: Site) -> Iterator[Nodes]:
    made = Nodes(site)
    yield made
    made.end()


@pytest.fixture(scope="module")
def export(site: Site) -> str:
    status, made = site.call("POST", "/exports/", {"machine_names": ["nudging.example"], "format": "pem", "password": SECRET})
    assert status == 202, made
    pk = str(made["results"][0]["id"])
    site.wait(lambda: site.call("GET", f"/exports/{pk}/")[1]["status"] == "made")
    return pk


@pytest.fixture(scope="module")
def stolen(site: Site, nodes: Nodes, export: str) -> ssl.SSLContext:
    """A client with the files of the export."""
    context = ssl.create_default_context(cafile=nodes.installed("near").roots_pem)
    folder = next(site.data.rglob("nudging.example"))
    context.load_cert_chain(folder / "client.pem", folder / "client_key.pem", SECRET)
    return context


def call_now(nodes: Nodes, context: ssl.SSLContext) -> int:
    connection = http.client.HTTPSConnection(nodes.addresses["near"], 4242)
    raw = socket.create_connection((nodes.addresses["near"], 4242), 5)
    with context.wrap_socket(raw, server_hostname="near.example") as connection.sock:
        connection.request("POST", "/call-now")
        return connection.getresponse().status


def know(nodes: Nodes, number: int) -> list[str]:
    """The nodes whose revocation list has at least this many entries."""
    found = []
    for name in NAMES:
        with contextlib.suppress(OSError, ValueError):
            lists = x509.load_pem_x509_crl((nodes.installed(name).path / "exported/crl.pem").read_bytes())
            found += [name] if len(lists) >= number else []
    return found


def within(seconds: float, true: Callable[[], bool]) -> float:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.1)
    return time.monotonic() - began


def test_a_revocation_reaches_every_node_within_seconds(
    site: Site, nodes: Nodes, export: str, stolen: ssl.SSLContext, record_property: Callable[[str, object], None]
) -> None:
    nodes.wait_until_quiet()
    before = nodes.calls()
    assert call_now(nodes, stolen) == 403
    assert call_now(nodes, tls.client_context(nodes.installed("far"))) == 403
    roots = site.call("GET", "/certificates/?kind=root&status=issued")[1]["results"]
    entries = len(x509.load_pem_x509_crl(site.call("GET", f"/certificates/{roots[0]['id']}/crl/")[1].encode()))
    time.sleep(3)
    assert nodes.calls() == before
    status, answer = site.call("POST", f"/exports/{export}/revoke/", {"reason": "the disk was stolen"})
    assert status == 200, answer
    took = within(WITHIN_S, lambda: know(nodes, entries + 1) == list(NAMES))
    record_property("nudges", f"three nodes knew the revocation after {took:.1f} s")
    with pytest.raises((OSError, http.client.HTTPException)):
        call_now(nodes, stolen)


@takes_minutes
def test_a_registered_node_opens_its_distribution_port_within_seconds(site: Site, nodes: Nodes) -> None:
    nodes.wait_until_quiet()
    status, ceremony = site.call("POST", f"/nodes/{nodes.ids[1]}/register/")
    assert status == 202, ceremony
    within(2 * WITHIN_S, lambda: site.node(nodes.ids[1])["state"] == "awaiting_password")
    assert site.type(nodes.addresses["far"], ceremony["password"])[0] in (200, 202)
    site.wait_for_state(nodes.ids[1], "registered")
