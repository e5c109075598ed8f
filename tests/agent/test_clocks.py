"""Agent and central node distinguish a wrong clock from a bad certificate, and report both clocks."""

import asyncio
import dataclasses
import json
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent import tls
from agent.__main__ import main
from agent.central import ask
from agent.state import State
from agent.store import Installed, Store
from nodes.dial import services as dial
from nodes.errors import NodeUnreachable
from nodes.models import Node, Observation
from pki.core import clocks
from pki.core.errors import PackageInvalid
from pki.core.roles import Kind
from pki.exchange import package_check
from pki.exchange.package import Package
from sitekit.authority import Authority, make_authority

DAYS = timedelta(days=2)
numbers = iter(range(1, 250))


def made(authority: Authority, package: Package, *, ago: timedelta) -> Package:
    """A package that was made at that time, for a host name that resolves here."""
    moment = authority.now - ago
    names = {Kind.SERVICE: "localhost", Kind.CLIENT: "QlikClient", Kind.CLUSTER: "QlikServiceCluster"}
    service, client, cluster = (authority.pair(kind, common_name=name, now=moment) for kind, name in names.items())
    return dataclasses.replace(package, host_name="localhost", service=service, client=client, cluster=cluster)


@pytest.fixture(scope="module")
def ahead(authority: Authority, package: Package, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The generation of a peer whose certificates were made with a clock two days ahead."""
    tomorrow = made(authority, package, ago=-DAYS)
    return Store(tmp_path_factory.mktemp("ahead")).install(tomorrow, now=authority.now + DAYS)


@contextmanager
def peer(context: ssl.SSLContext, *, clock: datetime | None) -> Iterator[tuple[str, int]]:
    """A server that answers each request with this Date header."""
    date = f"Date: {format_datetime(clock, usegmt=True)}\r\n" if clock else ""
    answer = f"HTTP/1.1 200 OK\r\n{date}Content-Length: 1\r\nConnection: close\r\n\r\n2".encode()
    address = f"127.{os.getpid() % 20 + 90}.8.{next(numbers)}"
    with socket.create_server((address, 4242)) as server:

        def serve() -> None:
            while True:
                try:
                    raw, _ = server.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(raw, server_side=True) as secure:
                        secure.recv(4096)
                        secure.sendall(answer)
                except OSError:
                    raw.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield address, 4242
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


async def call(state: State) -> None:
    installed = state.store.current()
    assert installed is not None
    try:
        await ask(state, installed, "GET", "/")
    finally:
        await asyncio.sleep(0.1)  # what was refused is closed


# what the other side's clock says, compared with here → what the message says
CASES = {
    "two days behind": (DAYS + timedelta(seconds=10), ("2 days behind the central node's", "Set the wrong one (NTP)")),
    "clocks agree": (timedelta(0), ("both clocks agree", "renew or redistribute")),
    "no clock": (None, ("could not be read", "Compare both clocks")),
}


@pytest.mark.parametrize(("offset", "expected"), CASES.values(), ids=CASES.keys())
def test_agent_reports_both_clocks(
    authority: Authority, package: Package, ahead: Installed, tmp_path: Path, offset: timedelta | None, expected: tuple[str, ...]
) -> None:
    state = State(tmp_path)
    state.store.install(package, now=authority.now)
    there = datetime.now(UTC) + offset if offset is not None else None
    with peer(tls.server_context(ahead), clock=there) as (address, port):
        state.set_central(address, port, "localhost")
        with pytest.raises(OSError, match=r"127\.") as caught:
            asyncio.run(call(state))
    text = str(caught.value)
    assert [words for words in (*expected, clocks.day(datetime.now(UTC))) if words not in text] == [], text
    if offset:
        assert clocks.day(there) in text


def test_a_bad_certificate_is_not_reported_as_a_wrong_clock(
    authority: Authority, package: Package, ahead: Installed, tmp_path: Path
) -> None:
    state = State(tmp_path)
    installed = state.store.install(package, now=authority.now)
    with peer(tls.server_context(installed), clock=datetime.now(UTC) + DAYS) as (address, port):
        state.set_central(address, port, "another.example")
        with pytest.raises(OSError, match="mismatch") as caught:
            asyncio.run(call(state))
    assert "clock" not in str(caught.value)


def test_agent_reports_another_root_of_the_central_node(
    authority: Authority, package: Package, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    state, other = State(tmp_path), make_authority()
    state.store.install(package, now=authority.now)
    there = dataclasses.replace(made(other, package, ago=timedelta(0)), roots=(other.certificate.public_bytes(Encoding.PEM),))
    recreated = Store(tmp_path_factory.mktemp("recreated")).install(there, now=other.now)
    with peer(tls.server_context(recreated), clock=None) as (address, port):
        state.set_central(address, port, "localhost")
        with pytest.raises(OSError, match="another root") as caught:
            asyncio.run(call(state))
    assert "agent reopen" in str(caught.value)


@pytest.mark.parametrize("offset", [DAYS.total_seconds(), 0.0, None], ids=["off", "agrees", "never called"])
def test_central_node_reports_both_clocks(
    authority: Authority, package: Package, ahead: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: float | None
) -> None:
    own = Store(tmp_path).install(package, now=authority.now)
    monkeypatch.setattr(dial, "own_store", lambda: own)
    with peer(tls.server_context(ahead), clock=None) as (address, _):
        node = Node(name="rim1", host_name="localhost", address=address, distribution_port=1)
        seen = Observation(node=node, clock_offset_s=offset) if offset is not None else None
        Node._meta.get_field("observation").set_cached_value(node, seen)  # type: ignore[attr-defined]
        with pytest.raises(NodeUnreachable) as caught:
            dial.served_certificate(node)
    expected = {None: "rim1's could not be read", 0.0: "both clocks agree"}.get(offset, "2 days behind rim1's, which says")
    assert expected in str(caught.value)


def test_package_error_names_both_clocks(authority: Authority, package: Package) -> None:
    with pytest.raises(PackageInvalid) as caught:
        package_check.package(package, now=authority.now - DAYS)
    for moment in (authority.now, authority.now - DAYS):
        assert clocks.stamp(moment) in str(caught.value)


def test_last_problem_is_stored_until_a_heartbeat_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state, now = State(tmp_path), datetime.now(UTC)
    monkeypatch.setattr(sys, "argv", ["agent", "status", "--json", "--home", str(tmp_path)])
    for problem in ("the clocks disagree", ""):
        state.record_call(problem, now=now)
        assert main() == 0
        expected = json.loads(capsys.readouterr().out)["last_problem"]
        assert expected == ({"at": now.isoformat(timespec="seconds"), "text": problem} if problem else None)
