"""The agent keeps its connection to the central node while it calls often."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent import central as agent_central
from agent import tls
from agent.central import Central
from agent.state import State
from agent.store import Installed, Store
from pki.core.addresses import CentralAddress
from pki.core.roles import Kind
from pki.exchange.package import Package
from qmc import server
from sitekit.authority import Authority

YES = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


class CentralNode:
    """Answers each request with `yes`. It closes the connection instead of its request number `closes_at`, counted over all connections."""

    def __init__(self, closes_at: int = 0) -> None:
        self.connections, self.requests, self.closes_at = 0, 0, closes_at
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                if self.requests == self.closes_at:
                    break
                writer.write(YES)
        except (asyncio.IncompleteReadError, OSError):
            pass
        writer.close()


@dataclasses.dataclass
class Calls:
    central: Central
    state: State
    node: CentralNode

    @property
    def installed(self) -> Installed:
        found = self.state.store.current()
        assert found is not None
        return found

    async def ask(self) -> bytes:
        return await self.central.ask(self.installed, "POST", "/api/v1/heartbeat/", json={})


@pytest.fixture
def run(authority: Authority, package: Package, tmp_path: Path) -> Callable[..., None]:
    """Run a coroutine with an agent and a central node."""
    names = {"host_name": package.central_host_name, "service": authority.pair(Kind.SERVICE, common_name=package.central_host_name)}
    context = tls.server_context(Store(tmp_path / "central").install(dataclasses.replace(package, **names), now=authority.now))

    @asynccontextmanager
    async def calls(closes_at: int) -> AsyncIterator[Calls]:
        node = CentralNode(closes_at)
        listening = await asyncio.start_server(node.serve, "127.0.0.1", 0, ssl=context)
        port = listening.sockets[0].getsockname()[1]
        state = State(tmp_path / "home")
        state.store.install(dataclasses.replace(package, central_addresses=(CentralAddress("127.0.0.1", port),)), now=authority.now)
        central = Central(state)
        yield Calls(central, state, node)
        await central.close()
        listening.close()
        await asyncio.sleep(0.1)  # connections that were closed are gone with the next turns of the loop

    def run(steps: Callable[[Calls], Awaitable[None]], closes_at: int = 0) -> None:
        async def all_steps() -> None:
            async with calls(closes_at) as made:
                await steps(made)

        asyncio.run(all_steps())

    return run


@pytest.mark.parametrize(("next_s", "connections"), [(5, 1), (agent_central.KEPT_S, 1), (60, 2), (0, 2)])
def test_a_connection_is_kept_if_the_next_call_comes_soon(run: Any, next_s: int, connections: int) -> None:
    async def steps(calls: Calls) -> None:
        for _ in range(2):
            assert await calls.ask() == b"yes"
            await calls.central.settle(next_s)
        assert calls.node.connections == connections

    run(steps)


def test_the_central_node_keeps_connections_longer_than_agents() -> None:
    assert agent_central.KEPT_S < server.KEEP_ALIVE_S


def test_another_connection_replaces_an_old_one(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_central, "LONGEST_S", -1)

    async def steps(calls: Calls) -> None:
        for _ in range(2):
            await calls.ask()
            await calls.central.settle(5)
        assert calls.node.connections == 2

    run(steps)


def test_a_report_is_sent_again_if_the_kept_connection_closes(run: Any) -> None:
    async def steps(calls: Calls) -> None:
        assert [await calls.ask(), await calls.ask()] == [b"yes", b"yes"]
        assert (calls.node.connections, calls.node.requests) == (2, 3)

    run(steps, closes_at=2)


def test_a_connection_that_the_central_node_closed_between_two_calls_costs_no_failure(run: Any) -> None:
    async def steps(calls: Calls) -> None:
        await calls.ask()
        calls.node.writers[0].close()
        await asyncio.sleep(0.1)
        assert await calls.ask() == b"yes"
        assert calls.node.connections == 2

    run(steps)


def test_a_report_over_a_new_connection_is_sent_once(run: Any) -> None:
    async def steps(calls: Calls) -> None:
        with pytest.raises(OSError, match=r"127\.0\.0\.1"):
            await calls.ask()
        assert (calls.node.connections, calls.node.requests) == (1, 1)

    run(steps, closes_at=1)


def test_new_certificates_are_used_at_once(run: Any, package: Package, authority: Authority) -> None:
    async def steps(calls: Calls) -> None:
        await calls.ask()
        pair = authority.pair(Kind.CLIENT)
        renewed = dataclasses.replace(package, generation=2, client=pair, central_addresses=calls.installed.central_addresses)
        calls.state.store.install(renewed, now=authority.now)
        await calls.ask()
        assert calls.node.connections == 2
        presented = [writer.get_extra_info("ssl_object").getpeercert(binary_form=True) for writer in calls.node.writers]
        assert presented[0] != presented[1]

    run(steps)
