"""Measure heartbeats per second through the real node API, compared with a bare view on the same server, with the same callers in the same run.

    python -m bench.heartbeat [SECONDS]

Callers and server share the cores, so the CPU time of the server's process is counted too.
"""

import argparse
import contextlib
import json
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent import cluster
from agent.report import report_make
from agent.state import State
from agent.store import Installed
from bench.measure import cpu_by_process, spread, verdict
from sitekit.client import register_many
from sitekit.fleet import Fleet
from sitekit.site import Site, running_site

CALLERS, ROUNDS = 4, 3
GOAL_KEPT, GOAL_EACH = 0.6, 0.7  # of the bare view


def request(method: str, path: str, body: bytes, *, kept_alive: bool) -> bytes:
    connection = "keep-alive" if kept_alive else "close"
    return f"{method} {path} HTTP/1.1\r\nHost: central\r\nConnection: {connection}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Caller:
    """A caller with the client certificate of one node. It sends raw bytes, to need little CPU time. Each call returns the turn of the last answer."""

    def __init__(self, state: State, port: int) -> None:
        installed = state.store.current()
        assert installed is not None
        self.state, self.installed, self.port = state, installed, port
        self.report = self._reported(installed, {}, "")
        with state.turns.taken() as turn:
            self.turn = turn
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.context.load_cert_chain(installed.client_pem)

    def _reported(self, installed: Installed, challenges: dict[str, str], cluster_challenge: str) -> dict[str, Any]:
        return report_make(
            installed, self.state.store.key_ring(), challenges, loaded=installed, served={"service": None}, listening=True, now=datetime.now(UTC),
            cluster_proof=cluster.proof(installed, cluster_challenge),
        ).to_json()  # fmt: skip

    def prove(self) -> None:
        """Prove the keys, as an agent does once an hour."""
        kept, answer = self.report, self._heartbeat()
        self.report = self._reported(self.installed, answer["challenges"], answer["cluster_challenge"])
        self._heartbeat()
        self.report = kept

    def _heartbeat(self) -> Any:
        with self._connect() as connection:
            answer = json.loads(self._answered(connection, self._request(bare=False, kept_alive=False)))
        self.turn = answer["turn"]
        return answer

    def _connect(self) -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", self.port), 10)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(raw)

    def _answered(self, connection: ssl.SSLSocket, sent: bytes) -> bytes:
        connection.sendall(sent)
        content = b""
        while b"\r\n\r\n" not in content:
            content += connection.recv(8192)
        head, _, body = content.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(8192)
        return body

    def _request(self, *, bare: bool, kept_alive: bool) -> bytes:
        if bare:
            return request("GET", "/status/servicestate", b"", kept_alive=kept_alive)
        return request("POST", "/api/v1/heartbeat/", json.dumps(self.report | {"turn": self.turn}).encode(), kept_alive=kept_alive)

    def call(self, *, bare: bool, kept_alive: bool, until: float) -> list[float]:
        """Send requests one after the other until `until`. Returns the seconds of each."""
        took = []
        with contextlib.ExitStack() as held:
            connection = held.enter_context(self._connect()) if kept_alive else None
            while (began := time.monotonic()) < until:
                sent = self._request(bare=bare, kept_alive=kept_alive)
                if connection:
                    body = self._answered(connection, sent)
                else:
                    with self._connect() as fresh:
                        body = self._answered(fresh, sent)
                took.append(time.monotonic() - began)
                if not bare:
                    self.turn = json.loads(body)["turn"]
        return took


def measure(site: Site, callers: list[Caller], *, bare: bool, kept_alive: bool, seconds: float) -> tuple[list[float], float]:
    """One round of all callers. Returns the seconds of each request, and the server's CPU seconds."""
    before, until = cpu_by_process(site)["node-api"], time.monotonic() + seconds
    with ThreadPoolExecutor(len(callers)) as pool:
        calls = [pool.submit(caller.call, bare=bare, kept_alive=kept_alive, until=until) for caller in callers]
        took = [duration for call in calls for duration in call.result()]
    return took, cpu_by_process(site)["node-api"] - before


def compare(site: Site, callers: list[Caller], *, kept_alive: bool, seconds: float) -> None:
    """Measure bare view and heartbeat alternately, so that slow moments of the machine affect both."""
    took: dict[bool, list[float]] = {True: [], False: []}
    cpu = {True: 0.0, False: 0.0}
    for _ in range(ROUNDS):
        for bare in (True, False):
            more, used = measure(site, callers, bare=bare, kept_alive=kept_alive, seconds=seconds)
            took[bare] += more
            cpu[bare] += used
    print("Kept-alive connections" if kept_alive else "A connection for each request, as agents call")
    for bare, name in ((True, "bare view"), (False, "heartbeat")):
        rate, by_cpu = len(took[bare]) / seconds / ROUNDS, len(took[bare]) / cpu[bare]
        print(f"  {name}  {rate:6.0f}/s  {by_cpu:6.0f} a CPU second of the server   {spread(took[bare])}")
    ratio = len(took[False]) / len(took[True])
    by_cpu = ratio * cpu[True] / cpu[False]
    print(f"  ratio {ratio:.2f}, by the server's CPU time {by_cpu:.2f}   {verdict(by_cpu, GOAL_KEPT if kept_alive else GOAL_EACH)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.heartbeat", description="Heartbeats against a bare view.")
    parser.add_argument("seconds", nargs="?", type=float, default=4.0, help="of each round")
    seconds = parser.parse_args().seconds
    with TemporaryDirectory() as folder, running_site(Path(folder), agents=0) as site:
        with Fleet(Path(folder) / "fleet", CALLERS) as fleet:
            register_many(site, site.token, fleet, fleet.addresses)
        # The agents have ended, because the site reports two callers with one certificate.
        callers = [Caller(State(fleet.home / address), site.node_port) for address in fleet.addresses]
        for caller in callers:
            caller.prove()
        for kept_alive in (False, True):
            compare(site, callers, kept_alive=kept_alive, seconds=seconds)


if __name__ == "__main__":
    main()
