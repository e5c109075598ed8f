"""A client of the console's REST API over one kept-alive connection, which can register nodes."""

import http.client
import json
import ssl
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sitekit.fleet import Fleet
from sitekit.site import Site

KEPT_S, POLL_S, TYPISTS = 8, 0.5, 4
UNDER_WAY = ("issuing", "distributing", "awaiting_password", "verifying")


class Client:
    """A caller with one token. Not for several threads."""

    def __init__(self, site: Site, token: str) -> None:
        context = ssl.create_default_context(cafile=site.data / "node/current/machine/root/roots.pem")
        self.connection = http.client.HTTPSConnection("127.0.0.1", site.port, context=context, timeout=30)
        self.headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        self.used = 0.0

    def call(self, method: str, path: str, content: Any = None) -> Any:
        """The content of the answer. An error status raises AssertionError."""
        if time.monotonic() - self.used > KEPT_S:
            self.connection.close()
        self.connection.request(method, f"/api/v1{path}", None if content is None else json.dumps(content), self.headers)
        answer = self.connection.getresponse()
        body, self.used = answer.read(), time.monotonic()
        assert answer.status < 300, (method, path, answer.status, body)
        return json.loads(body)

    def close(self) -> None:
        self.connection.close()

    def in_state(self, state: str, most: int = 500) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/nodes/?state={state}&page_size={most}")["results"]
        return found


@dataclass(frozen=True)
class Started:
    """A node whose registration was requested."""

    pk: str
    address: str
    password: str
    called_at: float


def start(client: Client, address: str) -> Started:
    """Create the node at `address` and register it."""
    name = "n" + address.replace(".", "-")
    node = client.call("POST", "/nodes/", {"name": name, "host_name": f"{name}.example", "address": address})
    called_at = time.monotonic()
    ceremony = client.call("POST", f"/nodes/{node['id']}/register/")
    return Started(node["id"], address, ceremony["password"], called_at)


def register_one(client: Client, fleet: Fleet, address: str) -> float:
    """Register one node completely. Returns the seconds from the `register` call until the node accepted its package."""
    started = start(client, address)
    accepted_at = fleet.accepted_at(address)
    fleet.unlock(address, started.password)
    wait_for(lambda: client.call("GET", f"/nodes/{started.pk}/")["state"] == "registered", 120)
    return accepted_at - started.called_at


def wait_for(true: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def register_many(site: Site, token: str, fleet: Fleet, addresses: list[str], *, callers: int = 3, seconds: float = 300) -> list[float]:
    """Register all addresses with `callers` threads. Returns the seconds until each node accepted its package.

    Passwords are typed as soon as the console waits for them. Returns when all nodes are registered.
    """
    started: dict[str, Started] = {}
    typed: dict[str, Future[None]] = {}
    deadline = time.monotonic() + seconds

    def call(mine: list[str]) -> None:
        with closing(Client(site, token)) as client:
            for address in mine:
                started[address] = start(client, address)

    with closing(Client(site, token)) as watcher, ThreadPoolExecutor(callers + TYPISTS) as pool:

        def ours(state: str) -> list[Started]:
            return [started[node["address"]] for node in watcher.in_state(state) if node["address"] in started]

        calls = [pool.submit(call, addresses[number::callers]) for number in range(callers)]
        while len(typed) < len(addresses) or any(ours(state) for state in UNDER_WAY):
            for node in ours("awaiting_password"):
                if node.address not in typed:
                    typed[node.address] = pool.submit(fleet.unlock, node.address, node.password)
            for ended in [future for future in (*calls, *typed.values()) if future.done()]:
                ended.result()
            assert not watcher.in_state("failed"), watcher.in_state("failed")
            assert time.monotonic() < deadline, f"{len(started)} started, {len(typed)} unlocked of {len(addresses)}"
            time.sleep(POLL_S)
    return [fleet.accepted_at(address) - started[address].called_at for address in addresses]
