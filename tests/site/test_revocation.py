"""A revoked certificate is refused by the node API at once, and by the other agents after their next call. Also the services that agents report."""

import contextlib
import http.client
import json
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509

from agent import tls
from agent.store import Store
from pki.core import revocation
from pki.core.verify import fingerprint
from sitekit.site import Site

NAMES = ("sound", "stolen")


def listens(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, 4570)) == 0


class Nodes:
    """Two registered nodes for this file, on the shared site."""

    def __init__(self, site: Site) -> None:
        self.site, self.addresses = site, dict(zip(NAMES, (site.address(40), site.address(41)), strict=True))
        for name, address in self.addresses.items():
            where = ["--home", str(site.data / "agents" / address), "--address", address, "--setup-address", address]
            services = ["--service", f"engine={address}:4242", "--service", f"proxy={address}:1"]
            hook = ["--reload-hook", f"touch '{site.data}/{name} reloaded'"]
            site.commands[name] = [sys.executable, "-m", "agent", "serve", *where, *services, *hook]
        site.keep_further()
        site.wait(lambda: all(map(listens, self.addresses.values())))
        with ThreadPoolExecutor() as both:
            self.ids = dict(zip(NAMES, (pk for pk, _ in both.map(site.register, NAMES, self.addresses.values())), strict=True))

    def installed(self, name: str):
        installed = Store(self.site.data / "agents" / self.addresses[name]).current()
        assert installed is not None
        return installed

    def send_heartbeats(self, name: str) -> None:
        """Restart its agent, which calls immediately."""
        self.site.further[name].terminate()
        self.site.further[name].wait(20)
        self.site.keep_further()

    def end(self) -> None:
        for name, pk in self.ids.items():
            self.site.call("POST", f"/nodes/{pk}/decommission/")
            del self.site.commands[name]
            agent = self.site.further.pop(name)
            agent.terminate()
            agent.wait(20)

    def sound_answers_stolen(self) -> bool:
        """A real handshake with the stolen certificate."""
        context = tls.client_context(self.installed("stolen"))
        try:
            with (
                socket.create_connection((self.addresses["sound"], 4242), 5) as raw,
                context.wrap_socket(raw, server_hostname="sound.example") as secure,
            ):
                secure.sendall(b"GET /status/servicestate HTTP/1.1\r\nHost: sound.example\r\n\r\n")
                return secure.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


@pytest.fixture(scope="module")
def nodes(site: Site) -> Iterator[Nodes]:
    made = Nodes(site)
    yield made
    made.end()


@contextlib.contextmanager
def node_api(nodes: Nodes, name: str) -> Iterator[http.client.HTTPSConnection]:
    context = tls.client_context(nodes.installed(name))
    with socket.create_connection(("127.0.0.1", nodes.site.node_port), 5) as raw:
        connection = http.client.HTTPSConnection("127.0.0.1", nodes.site.node_port)
        connection.sock = context.wrap_socket(raw, server_hostname=nodes.installed(name).central_host_name)
        yield connection
        connection.close()


def crl_of(site: Site) -> x509.CertificateRevocationList:
    root = site.call("GET", "/certificates/?kind=root&status=issued")[1]["results"][0]["id"]
    status, content = site.call("GET", f"/certificates/{root}/crl/")
    assert status == 200, content
    return revocation.load(content.encode())[0]


def revoke(site: Site, pk: str, kind: str) -> int:
    """Revoke the node's certificate of this kind. Returns its serial."""
    found = site.call("GET", f"/certificates/?node={pk}&kind={kind}&status=issued")[1]["results"][0]
    body = {"reason": "the disk was stolen", "code": "keyCompromise"}
    status, answer = site.call("POST", f"/certificates/{found['id']}/revoke/", body)
    assert (status, answer["status"], answer["revocation_code"]) == (200, "revoked", "keyCompromise"), answer
    return int(found["serial"], 16)


def test_agent_reports_its_hook_and_what_its_services_serve(site: Site, nodes: Nodes) -> None:
    query = f"SELECT hook, served FROM nodes_observation WHERE node_id = '{nodes.ids['sound'].replace('-', '')}'"
    site.wait(lambda: json.loads(site.rows(query)[0][0]).get("exit") == 0, 20)
    served = json.loads(site.rows(query)[0][1])
    assert served == {"service": served["engine"], "engine": fingerprint(nodes.installed("sound").service), "proxy": None}
    assert (site.data / "sound reloaded").exists()


def test_revoked_certificate_is_refused_everywhere(site: Site, nodes: Nodes) -> None:
    assert nodes.sound_answers_stolen()
    with node_api(nodes, "stolen") as kept:
        kept.request("GET", "/api/v1/trust/")
        answer = kept.getresponse()
        assert (answer.status, len(json.loads(answer.read())["roots"])) == (200, 1)
        serial = revoke(site, nodes.ids["stolen"], "client")
        kept.request("GET", "/api/v1/trust/")
        answer = kept.getresponse()
        assert (answer.status, answer.headers["Connection"], json.loads(answer.read())["type"]) == (
            403,
            "close",
            "urn:trust-zone:unknown-node",
        )
        assert kept.sock is None  # the server ended it, and the client has heard so
    site.wait(lambda: crl_of(site).get_revoked_certificate_by_serial_number(serial) is not None)
    nodes.send_heartbeats("sound")
    exported = nodes.installed("sound").path / "exported/crl.pem"
    site.wait(
        lambda: exported.exists() and revocation.load(exported.read_bytes())[0].get_revoked_certificate_by_serial_number(serial) is not None
    )
    site.wait(lambda: not nodes.sound_answers_stolen(), 5)
    before = crl_of(site)
    other = revoke(site, nodes.ids["stolen"], "service")
    site.wait(lambda: revocation.number_of(crl_of(site)) > revocation.number_of(before))
    after = crl_of(site)
    assert {entry.serial_number for entry in after} == {entry.serial_number for entry in before} | {other}
    assert {serial, other} <= {entry.serial_number for entry in after}


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [("client", "Renew that node"), ("service", "Renew that node"), ("cluster", "Start a rotation"), ("root", "Start a rotation")],
)
def test_certificates_of_the_console_are_not_revoked(site: Site, kind: str, remedy: str) -> None:
    central = next(node["id"] for node in site.call("GET", "/nodes/")[1]["results"] if node["name"] == "central")
    holder = f"&node={central}" if kind in ("client", "service") else ""
    found = site.call("GET", f"/certificates/?kind={kind}&status=issued{holder}")[1]["results"][0]
    status, answer = site.call("POST", f"/certificates/{found['id']}/revoke/", {"reason": "to see"})
    assert (status, answer["type"], remedy in answer["detail"]) == (409, "urn:trust-zone:not-now", True), answer
