"""The addresses of the central node that an agent calls, and its errors for those that do not answer."""

import asyncio
import dataclasses
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent import tls
from agent.central import ask
from agent.central_addresses import CentralAddresses
from agent.state import State
from agent.store import Installed, Store
from pki.core.addresses import CentralAddress
from pki.core.roles import Kind
from pki.exchange import package as packages
from pki.exchange import password
from pki.exchange.package import Opener, Package
from sitekit.authority import Authority


@pytest.fixture
def home(tmp_path: Path, authority: Authority, package: Package) -> Path:
    Store(tmp_path / "home").install(dataclasses.replace(package, central_addresses=(closed(),)), now=authority.now)
    return tmp_path / "home"


def closed() -> CentralAddress:
    """An address without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return CentralAddress("127.0.0.1", server.getsockname()[1])


@contextmanager
def central(
    authority: Authority, package: Package, folder: Path, *, address: str = "127.0.0.1"
) -> Iterator[tuple[CentralAddress, list[int]]]:
    """A central node that answers each request with `yes`. The list has one entry for each request."""
    service = authority.pair(Kind.SERVICE, common_name=package.central_host_name)
    context = tls.server_context(
        Store(folder).install(dataclasses.replace(package, host_name=package.central_host_name, service=service), now=authority.now)
    )
    calls: list[int] = []
    with socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET) as server:

        def serve() -> None:
            while True:
                try:
                    raw, _ = server.accept()
                    with context.wrap_socket(raw, server_side=True) as secure:
                        secure.recv(65536)
                        calls.append(1)
                        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes")
                except OSError:
                    if server.fileno() == -1:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield CentralAddress(address, server.getsockname()[1]), calls
        server.shutdown(socket.SHUT_RDWR)


def installed(state: State) -> Installed:
    found = state.store.current()
    assert found is not None
    return found


def call(state: State) -> bytes:
    async def called() -> bytes:
        try:
            return await ask(state, installed(state), "GET", "/status/servicestate")
        finally:
            await asyncio.sleep(0.1)  # connections that were closed are gone with the next turns of the loop

    return asyncio.run(called())


def test_logs_name_addresses(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = State(home)
    (known,) = installed(state).central_addresses
    with caplog.at_level(logging.DEBUG), pytest.raises(OSError, match="Connection refused") as refused:
        call(state)
    assert f"127.0.0.1:{known.port}: Connection refused" in str(refused.value)
    assert " object at " not in str(refused.value) + caplog.text


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_central_nodes_own_agent_calls_only_the_given_address(
    address: str, home: Path, authority: Authority, package: Package, tmp_path: Path
) -> None:
    with central(authority, package, tmp_path / "central", address=address) as (place, calls):
        assert call(State(home, central_address=place)) == b"yes"
        assert len(calls) == 1
        Store(home).install(dataclasses.replace(package, generation=2, central_addresses=(place,)), now=authority.now)
        state = State(home, central_address=closed())
        state.set_central(place.address, place.port, None)
        with pytest.raises(OSError, match="Connection refused"):
            call(state)
        assert len(calls) == 1


def test_set_central_is_kept_until_a_later_address_works(home: Path, authority: Authority, package: Package, tmp_path: Path) -> None:
    new = State(tmp_path / "new")
    with central(authority, package, tmp_path / "central") as (place, calls):
        new.set_central(place.address, place.port, None)  # before anything is installed
        new.store.install(dataclasses.replace(package, central_addresses=(closed(),)), now=authority.now)
        assert call(new) == b"yes"
        assert new.memory()["central"]["port"] == place.port
        new.store.install(dataclasses.replace(package, generation=2, central_addresses=(closed(),)), now=authority.now)  # redistributed
        assert call(new) == b"yes"
        assert new.memory()["central"]["port"] == place.port
        with central(authority, package, tmp_path / "other") as (better, better_calls):
            new.take_central_addresses(installed(new), [f"{better.address}:{better.port}"])
            assert call(new) == b"yes"
            assert (len(calls), len(better_calls)) == (2, 1)
        assert new.memory()["central"] is None


def test_unlocking_keeps_set_central(tmp_path: Path, package: Package, authority: Authority) -> None:
    state, typed = State(tmp_path / "home"), password.generate()
    state.set_central("10.4.2.1", 4242, None)
    state.accept(packages.seal_with_password(package, password.canonical(typed)), source="127.0.0.1", now=authority.now)
    assert state.unlock(Opener(password.canonical(typed)), now=authority.now)
    assert state.memory()["central"]["address"] == "10.4.2.1"


def known(**memory: object) -> CentralAddresses:
    """The addresses of an agent whose package of generation 2 has p1, then p2."""
    from_package = tuple(CentralAddress(address, 1) for address in ("p1", "p2"))
    pieces: Any = SimpleNamespace(generation=2, central_host_name="central", central_addresses=from_package)
    return CentralAddresses(pieces, dict(memory))


SAID = {"address": "set", "port": 9, "host_name": None, "generation": 2}
ORDERS = {
    "as installed": (known(), ["r:1", "p1:1", "p2:1"]),
    "set-central, nothing later": (known(central=SAID | {"before": ["p1:1", "p2:1"]}), ["set:9", "r:1", "p1:1", "p2:1"]),
    "set-central of an older agent": (known(central=SAID), ["set:9", "r:1", "p1:1", "p2:1"]),
    "set-central before anything was installed": (known(central=SAID | {"before": [], "generation": 0}), ["p1:1", "p2:1", "set:9", "r:1"]),
    "a later package": (known(central=SAID | {"before": ["p2:1"], "generation": 1}), ["p1:1", "set:9", "r:1", "p2:1"]),
    "an answer to a heartbeat": (known(central_told={"generation": 2, "addresses": ["h:2"]}), ["r:2", "h:2", "p1:1", "p2:1"]),
    "an answer of before the package": (known(central_told={"generation": 1, "addresses": ["h:2"]}), ["r:1", "p1:1", "p2:1", "h:2"]),
    "an answer after set-central": (
        known(central=SAID | {"before": ["p1:1", "p2:1"]}, central_told={"generation": 2, "addresses": ["h:2", "p2:1"]}),
        ["h:2", "set:9", "r:2", "p2:1", "p1:1"],
    ),
    "an answer with what is no address": (
        known(central_told={"generation": 2, "addresses": ["0.0.0.0:1", "", "h:2"]}),
        ["r:2", "h:2", "p1:1", "p2:1"],
    ),
}


@pytest.mark.parametrize("case", ORDERS)
def test_order_of_the_addresses_that_an_agent_calls(case: str) -> None:
    what, order = ORDERS[case]
    assert [str(place) for place in what.order(["r"])] == order


@pytest.mark.parametrize(("generation", "name"), [(2, "other"), (1, "central")])
def test_a_set_host_name_is_used_until_a_later_package(generation: int, name: str) -> None:
    what = known(central=SAID | {"host_name": "other", "before": ["p1:1", "p2:1"], "generation": generation})
    assert [place.host_name for place in what.order(["r"])] == ["other", name, name, name]
