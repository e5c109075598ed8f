"""The agent as a real process: packages, passwords, installation, mutual TLS."""

import contextlib
import dataclasses
import errno
import http.client
import json
import os
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import tls
from agent.serve import failure_text
from agent.store import Store
from pki.core import verify
from pki.core.roles import Kind
from pki.exchange import package as packages
from pki.exchange import package_header, password
from sitekit.authority import make_authority
from tests.agent.commands import command

PORTS = {"--distribution-port": 4444, "--setup-port": 4570, "--node-port": 4242}
addresses = iter(f"127.{os.getpid() % 60 + 30}.{number // 250}.{number % 250 + 1}" for number in range(1000))


class Running:
    """An agent with its own loopback address."""

    def __init__(self, home: Path) -> None:
        self.home, self.address = home, next(addresses)
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "agent", "serve", "--home", self.home, "--address", self.address, "--setup-address", self.address]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE)

    def stop(self, *, kill: bool = False) -> None:
        self.process.kill() if kill else self.process.terminate()
        self.process.communicate(timeout=10)

    def request(self, port: int, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"http://{self.address}:{port}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read().decode()

    def send(self, sealed: bytes) -> tuple[int, str]:
        return self.request(4444, "/setup/certificatedistribution", sealed)

    def type(self, typed: str) -> tuple[int, str]:
        return self.request(4570, "/certificateSetup", urllib.parse.urlencode({"__pwd": typed}).encode())

    def opened(self, typed: str) -> tuple[int, str]:
        """Type the right password, and reload the page: on a busy machine the first answer comes before the package is decrypted."""
        status, page = self.type(typed)
        while "Waiting for the package" in page:
            time.sleep(0.1)
            status, page = self.request(4570, "/certificateSetup")
        return status, page

    def status(self) -> dict:
        return json.loads(self.request(4444, "/status/servicestate", Accept="application/json")[1])

    def wait_for_port(self, port: int, *, closed: bool = False) -> None:
        for _ in range(900):
            with contextlib.suppress(OSError), socket.create_connection((self.address, port), 1):
                if not closed:
                    return
                time.sleep(0.05)
                continue
            if closed:
                return
            time.sleep(0.05)
        raise AssertionError(f"port {port} is {'still open' if closed else 'closed'}")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "home")
    running.wait_for_port(4570)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def sealed(package) -> tuple[bytes, str]:
    typed = password.generate()
    return packages.seal_with_password(package, typed), typed


def install(agent: Running, sealed: tuple[bytes, str]) -> None:
    assert agent.send(sealed[0])[0] == 200
    assert agent.opened(password.display(sealed[1]))[0] == 200
    agent.wait_for_port(4242)


def test_package_waits_is_unlocked_and_installed(agent: Running, sealed) -> None:
    assert agent.status() == {
        "value": 1, "setup_url": f"http://{agent.address}:4570/certificateSetup", "waiting": [], "refused": [], "wrong_passwords": 0,
        "trust_zone": None,
    }  # fmt: skip
    assert agent.request(4444, "/status/servicestate") == (200, "1")
    digest = packages.digest(sealed[0])
    assert json.loads(agent.send(sealed[0])[1]) == json.loads(agent.send(sealed[0])[1]) == {"digest": digest}
    assert agent.status()["waiting"] == [digest]
    status, page = agent.request(4570, "/certificateSetup")
    assert status == 200
    assert "Claims to be from" in page
    fingerprint = verify.grouped(package_header.read(sealed[0]).claims.root_sha256)
    assert socket.gethostname() in page
    assert page.index(fingerprint) < page.index('name="__pwd"')
    typed = password.display(sealed[1])
    status, page = agent.type(("Y" if typed[0] == "X" else "X") + typed[1:])
    assert (status, "Mistyped" in page) == (400, True)
    status, page = agent.type(password.generate())
    assert (status, "has not arrived yet" in page) == (202, True)
    assert agent.status()["wrong_passwords"] == 0
    status, page = agent.opened(password.display(sealed[1]).lower())
    assert (status, "has joined the trust zone" in page) == (200, True)
    agent.wait_for_port(4570, closed=True)
    agent.wait_for_port(4444, closed=True)
    files = [path for path in agent.home.rglob("*") if path.is_file() and not path.is_symlink() and path.name != ".lock"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    exported = agent.home / "Exported Certificates/.Local Certificates"
    assert sorted(path.name for path in exported.iterdir()) == ["client.pem", "client_key.pem", "root.pem", "server.pem", "server_key.pem"]
    assert not list((agent.home / "waiting").iterdir())


def test_waiting_package_survives_a_kill(agent: Running, sealed) -> None:
    agent.send(sealed[0])
    agent.stop(kill=True)
    agent.start()
    agent.wait_for_port(4570)
    assert agent.status()["waiting"] == [packages.digest(sealed[0])]
    assert agent.opened(sealed[1])[0] == 200
    agent.wait_for_port(4242)
    agent.stop(kill=True)
    agent.start()
    agent.wait_for_port(4242)


def test_restore_after_remove_installs_the_backup_again(agent: Running, sealed, tmp_path: Path) -> None:
    """All commands run beside the agent, which applies them within a second."""
    install(agent, sealed)
    before, file = Store(agent.home).files(), tmp_path / "node.tar"
    expected = command("backup", "--home", agent.home, file)
    assert (expected.returncode, "private keys unencrypted" in expected.stdout, file.stat().st_mode & 0o777) == (0, True, 0o600)
    assert "never replaces a file" in command("backup", "--home", agent.home, file).stderr
    refused = command("remove", "--home", agent.home)
    assert (refused.returncode, "Give --yes" in refused.stderr) == (2, True)
    assert "is not empty" in command("restore", "--home", agent.home, file).stderr
    assert Store(agent.home).files() == before
    assert command("remove", "--home", agent.home, "--yes").returncode == 0
    agent.wait_for_port(4242, closed=True)
    agent.wait_for_port(4570)
    assert (agent.status()["value"], agent.status()["trust_zone"]) == (1, None)
    assert {path.name for path in agent.home.rglob("*")} <= {".lock", "agent.json", "agent.lock", "turn", "turn.lock"}
    assert command("backup", "--home", agent.home, tmp_path / "nothing.tar").returncode == 1
    assert command("restore", "--home", agent.home, file).returncode == 0
    agent.wait_for_port(4242)
    agent.wait_for_port(4444, closed=True)
    assert Store(agent.home).files() == before
    installed = Store(agent.home).current()
    with (
        socket.create_connection((agent.address, 4242), 5) as raw,
        tls.client_context(installed).wrap_socket(raw, server_hostname=installed.host_name) as secure,
    ):
        secure.sendall(b"GET /status/servicestate HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
        assert secure.recv(64).startswith(b"HTTP/1.1 200")


def test_invalid_packages_are_refused(agent: Running) -> None:
    assert [agent.send(body)[0] for body in (b"", b"<html>", b"x" * 10_000_000)] == [400, 400, 413]
    assert agent.status()["waiting"] == []


def test_altered_incomplete_and_expired_packages_are_refused(agent: Running, sealed, package, authority) -> None:
    assert agent.send(sealed[0].rsplit(b".", 2)[0])[0] == 400
    typed = password.generate()
    old = packages.seal_with_password(dataclasses.replace(package, expires_at=authority.now - timedelta(seconds=1)), typed)
    status, body = agent.send(old)
    assert (status, json.loads(body)["type"]) == (409, "urn:trust-zone:package-expired")
    flipped = bytearray(sealed[0])
    flipped[-40] = ord("A") if flipped[-40] != ord("A") else ord("B")
    assert agent.send(bytes(flipped))[0] == 200
    assert agent.type(sealed[1])[0] == 202
    assert agent.status()["waiting"] == []
    assert agent.send(sealed[0])[0] == 200
    agent.wait_for_port(4242)


def test_password_of_an_expired_package_installs_nothing(agent: Running, package) -> None:
    typed = password.generate()
    assert (
        agent.send(packages.seal_with_password(dataclasses.replace(package, expires_at=datetime.now(UTC) + timedelta(seconds=3)), typed))[0]
        == 200
    )
    time.sleep(3.1)
    status, page = agent.type(typed)
    assert (status, "The package has expired. Redistribute" in page) == (410, True)
    assert Store(agent.home).current() is None


def test_reopened_node_accepts_only_newer_packages_of_its_zone(agent: Running, sealed, package) -> None:
    install(agent, sealed)
    assert command("reopen", "--home", agent.home).returncode == 0
    agent.wait_for_port(4444)
    assert agent.status()["value"] == 1
    typed = password.generate()
    for change, kind in (({"trust_zone": "other", "generation": 9}, "other-trust-zone"), ({}, "older-package")):
        status, body = agent.send(packages.seal_with_password(dataclasses.replace(package, **change), typed))
        assert (status, json.loads(body)["type"]) == (409, f"urn:trust-zone:{kind}")
    newer = packages.seal_with_password(dataclasses.replace(package, generation=2), typed)
    assert agent.send(newer)[0] == 200
    typed = subprocess.run(
        [sys.executable, "-m", "agent", "unlock", "--home", agent.home], input=typed, text=True, capture_output=True, check=True
    )
    assert "Service certificate and key" in typed.stdout
    agent.wait_for_port(4444, closed=True)
    assert Store(agent.home).current().generation == 2


HOSTS = [
    ({"Host": "evil.example"}, 403), ({"Host": "127.0.0.1.evil.example:4570"}, 403), ({"Host": "10.0.0.1:4570"}, 403), ({"Host": "0.0.0.0"}, 403),
    ({"Host": "[fe80::1]:4570"}, 403), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Origin": ""}, 403),
    ({"Host": "localhost:4570", "Origin": "http://localhost:3000"}, 403), ({"Host": "localhost:1", "Origin": "http://127.0.0.1:1"}, 403),
    ({"Host": "[::1"}, 400), ({"Host": "localhost:x"}, 400), ({"Host": "localhost:99999"}, 400), ({"Host": "a b"}, 400), ({"Host": "[::1%lo]"}, 400),
    ({"Host": "user@localhost"}, 400), ({"Host": "localhost"}, 200), ({"Host": "LOCALHOST:9999", "Origin": "http://localhost:9999"}, 200),
    ({"Host": "127.0.0.1:9999", "Origin": "http://127.0.0.1:9999"}, 200), ({"Host": "[::1]:8080"}, 200),
]  # fmt: skip


def test_setup_page_answers_only_to_names_of_this_machine(agent: Running) -> None:
    """With any port, because a tunnel may use another one."""
    for headers, status in HOSTS:
        asked = agent.request(4570, "/certificateSetup", **headers)
        assert (asked[0], headers) == (status, headers), asked
        posted = agent.request(4570, "/certificateSetup", b"__pwd=x", **headers)
        assert (posted[0], headers) == ({200: 400}.get(status, status), headers), posted
        assert status == 200 or "<main>" in agent.request(4570, "/certificateSetup", **headers, Accept="text/html,*/*")[1]


def test_setup_page_is_served_on_loopback_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agent", "serve", "--home", tmp_path, "--address", "127.44.9.9", "--setup-address", "0.0.0.0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, "not a loopback address" in ended.stderr) == (2, True)


def dial(agent: Running, context: ssl.SSLContext, name: str = "rim1.example") -> str:
    with socket.create_connection((agent.address, 4242), 5) as raw, context.wrap_socket(raw, server_hostname=name) as connection:
        connection.sendall(b"GET /status/servicestate HTTP/1.1\r\nHost: rim1.example\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.read().decode()


def test_mutual_tls_checks_role_and_name_inside_the_handshake(agent: Running, sealed, tmp_path: Path, pairs) -> None:
    install(agent, sealed)
    installed = Store(agent.home).current()
    assert dial(agent, tls.client_context(installed)) == "2"
    with pytest.raises(ssl.SSLError, match="match"):
        dial(agent, tls.client_context(installed), "rim2.example")
    without = ssl.create_default_context(cafile=installed.roots_pem)
    as_service = ssl.create_default_context(cafile=installed.roots_pem)
    as_service.load_cert_chain(installed.service_pem)
    foreign = ssl.create_default_context(cafile=installed.roots_pem)
    (tmp_path / "foreign.pem").write_bytes((pair := make_authority().pair(Kind.CLIENT)).private_key + pair.certificate)
    foreign.load_cert_chain(tmp_path / "foreign.pem")
    for context in (without, as_service, foreign):
        with pytest.raises((OSError, http.client.HTTPException)):
            dial(agent, context)


def test_half_open_connections_do_not_delay_other_clients(agent: Running, sealed) -> None:
    def honest(port: int, ask) -> None:
        with contextlib.ExitStack() as held:
            for _ in range(200):
                held.enter_context(socket.create_connection((agent.address, port), 5)).sendall(b"\x16")
            started = time.monotonic()
            ask()
            assert time.monotonic() - started < 2

    honest(4444, agent.status)
    honest(4570, lambda: agent.request(4570, "/certificateSetup"))
    install(agent, sealed)
    installed = Store(agent.home).current()
    honest(4242, lambda: dial(agent, tls.client_context(installed)))


def test_half_open_connection_is_closed_by_the_deadline(agent: Running, sealed) -> None:
    install(agent, sealed)
    with socket.create_connection((agent.address, 4242), 5) as half_open:
        half_open.settimeout(6)
        assert half_open.recv(1) == b""


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "own files cannot be read or written: [Errno 28] No space left on device. Free space",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/home/current"), "correct the permissions"),
        (OSError("10.0.0.1:4242 answered 503: The database is full."), "central node not reached: 10.0.0.1:4242 answered 503"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "central node not reached"),
        (KeyError("generation"), "central node not reached"),
    ],
)
def test_a_failed_heartbeat_names_the_side_with_the_problem(failure: Exception, expected: str) -> None:
    assert expected in failure_text(failure)
