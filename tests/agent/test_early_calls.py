"""`POST /call-now`: who may ask a node to call, how often it calls, and packages of central nodes that name nobody."""

import asyncio
import dataclasses
import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from joserfc import jwe
from joserfc.jwk import RSAKey

from agent import early_calls
from agent.early_calls import EarlyCalls
from agent.serve import Agent, Options
from agent.store import Installed, Store
from pki.core import keys
from pki.core.errors import PackageInvalid
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.core.verify import fingerprint
from pki.exchange import package as packages
from pki.exchange.answer import Answer
from pki.exchange.package import Package
from pki.exchange.package_header import BY_CERTIFICATE
from sitekit.authority import Authority
from sitekit.engines import free_port

addresses = iter(f"127.{os.getpid() % 60 + 30}.250.{number}" for number in range(1, 250))
CENTRAL, NEXT, OWN = "the central node's", "the central node's next", "the node's own"
OTHERS = ("the central node's superseded", "another node's", "an export's")


def sha256(pair: Pair) -> str:
    return fingerprint(x509.load_pem_x509_certificate(pair.certificate))


@pytest.fixture(scope="module")
def clients(authority: Authority, pairs: dict[Kind, Pair]) -> dict[str, Pair]:
    """Client certificates of one trust zone, by holder."""
    return {OWN: pairs[Kind.CLIENT]} | {holder: authority.pair(Kind.CLIENT) for holder in (CENTRAL, NEXT, *OTHERS)}


class Node:
    """An agent that listens in this process, on an event loop that each request runs. Its central node does not answer."""

    def __init__(self, home: Path, package: Package, authority: Authority) -> None:
        self.installed = Store(home).install(package, now=authority.now)
        self.address, self.port = next(addresses), free_port()
        self.agent = Agent(Options(home, self.address, 0, ("127.0.0.1",), 0, self.port, listen=True))
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self.agent.follow())
        self.agent.wake.clear()

    def ask(self, context: ssl.SSLContext, method: str = "POST", body: bytes | None = None) -> tuple[int, str]:
        """The status of the answer to one request, and the type of its problem."""
        return self.loop.run_until_complete(asyncio.to_thread(self._ask, context, method, body))

    def _ask(self, context: ssl.SSLContext, method: str, body: bytes | None) -> tuple[int, str]:
        connection = http.client.HTTPSConnection(self.address, self.port, timeout=5)
        raw = socket.create_connection((self.address, self.port), 5)
        with context.wrap_socket(raw, server_hostname=self.installed.host_name) as connection.sock:
            connection.request(method, "/call-now", body)
            answer = connection.getresponse()
            content = answer.read()
        return answer.status, json.loads(content)["type"] if "problem" in answer.headers.get("Content-Type", "") else ""

    def stop(self) -> None:
        assert self.agent.node is not None
        self.loop.run_until_complete(self.agent.node.stop())
        self.loop.close()


@pytest.fixture
def node(package: Package, clients: dict[str, Pair], authority: Authority, tmp_path: Path) -> Iterator[Node]:
    """A node whose package lists the central node's two client certificates."""
    listed = dataclasses.replace(package, nudged_by=(sha256(clients[CENTRAL]), sha256(clients[NEXT])))
    running = Node(tmp_path / "home", listed, authority)
    yield running
    running.stop()


def context_of(installed: Installed, client: Pair | None, folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=installed.roots_pem)
    if client:
        (folder / "client.pem").write_bytes(client.private_key + client.certificate)
        context.load_cert_chain(folder / "client.pem")
    return context


REFUSED = (403, "urn:trust-zone:not-the-central-node")


@pytest.mark.parametrize(
    ("holder", "expected"), [(CENTRAL, (204, "")), (NEXT, (204, "")), (OWN, REFUSED), *((holder, REFUSED) for holder in OTHERS)]
)
def test_only_the_central_node_asks_a_node_to_call(
    node: Node, clients: dict[str, Pair], tmp_path: Path, holder: str, expected: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_calls, "JITTER_S", 0)
    assert node.ask(context_of(node.installed, clients[holder], tmp_path)) == expected
    node.loop.run_until_complete(asyncio.sleep(0.05))
    assert node.agent.wake.is_set() == (expected[0] == 204)


@pytest.mark.parametrize("kind", [None, Kind.SERVICE])
def test_a_client_without_a_client_certificate_gets_no_answer(
    node: Node, pairs: dict[Kind, Pair], tmp_path: Path, kind: Kind | None
) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        node.ask(context_of(node.installed, pairs[kind] if kind else None, tmp_path))


def test_the_last_answer_replaces_the_list_of_the_package(node: Node, clients: dict[str, Pair], tmp_path: Path) -> None:
    current, superseded = (context_of(node.installed, clients[holder], tmp_path) for holder in (NEXT, CENTRAL))
    node.agent.caller.nudged_by = Answer.parse(json.dumps({"nudged_by": [sha256(clients[NEXT])]}).encode()).nudged_by
    assert (node.ask(current)[0], node.ask(superseded)) == (204, REFUSED)
    node.agent.caller.nudged_by = Answer.parse(b"{}").nudged_by  # of an older central node
    assert node.ask(current) == REFUSED


@pytest.mark.parametrize(
    ("method", "body", "status"), [("POST", b"x" * 1024, 204), ("POST", b"x" * 1025, 413), ("GET", None, 405), ("PUT", b"", 405)]
)
def test_content_is_limited(node: Node, clients: dict[str, Pair], tmp_path: Path, method: str, body: bytes | None, status: int) -> None:
    assert node.ask(context_of(node.installed, clients[CENTRAL], tmp_path), method, body)[0] == status


def test_ten_requests_are_one_call_and_later_ones_share_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_calls, "AT_MOST_EVERY_S", 0.5)
    monkeypatch.setattr(early_calls, "JITTER_S", 0.1)

    async def run() -> list[float]:
        loop, calls = asyncio.get_running_loop(), list[float]()
        early = EarlyCalls(lambda: calls.append(loop.time()))
        began = loop.time()
        for _ in range(10):
            early.request()
        await asyncio.sleep(0.2)
        assert len(calls) == 1
        for _ in range(10):
            early.request()
        await asyncio.sleep(0.2)
        assert len(calls) == 1
        await asyncio.sleep(0.6)
        assert len(calls) == 2
        await asyncio.sleep(0.5)
        early.request()
        await asyncio.sleep(0.2)
        return [at - began for at in calls]

    first, second, third = asyncio.run(run())
    assert first < 0.2
    assert second - first >= 0.4
    assert third - second >= 0.4


def opened(package: Package, **changes: Any) -> Package:
    """The renewal package as another central node writes it, and as this agent reads it. A member that is None is left out."""
    content = {name: value for name, value in (json.loads(packages._to_json(package)) | changes).items() if value is not None}
    key = RSAKey.import_key(package.service.private_key)
    header, registry = packages._header(package, BY_CERTIFICATE), packages._registry(BY_CERTIFICATE)
    sealed = jwe.encrypt_compact(header, json.dumps(content).encode(), key, registry=registry)
    return packages.open_with_private_key(sealed.encode(), keys.from_pem(package.service.private_key))


def test_a_package_of_an_older_central_node_lists_nobody(
    package: Package, clients: dict[str, Pair], authority: Authority, tmp_path: Path
) -> None:
    older = opened(package, nudged_by=None, weather="fine")
    assert older.nudged_by == ()
    running = Node(tmp_path / "home", older, authority)
    assert running.ask(context_of(running.installed, clients[CENTRAL], tmp_path)) == REFUSED
    running.stop()


def test_a_generation_that_an_older_agent_installed_lists_nobody(package: Package, authority: Authority, tmp_path: Path) -> None:
    manifest = Store(tmp_path).install(package, now=authority.now).path / "manifest.json"
    content = json.loads(manifest.read_bytes())
    del content["nudged_by"]
    manifest.write_text(json.dumps(content))
    installed = Store(tmp_path).current()
    assert installed is not None
    assert installed.nudged_by == ()


@pytest.mark.parametrize("value", ["ab" * 32, ["AB" * 32], ["ab" * 31], [1], [["ab" * 32]], ["ab" * 32] * 9, {"ab" * 32: 1}], ids=repr)
def test_a_malformed_list_in_a_package_is_refused(package: Package, value: Any) -> None:
    with pytest.raises(PackageInvalid):
        opened(package, nudged_by=value)
