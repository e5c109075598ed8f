"""A probe of all pairs: every node continuously connects to every other one as a service on it would, and each failure is recorded.

It is a separate, throttled process, so that neither tests nor nodes wait for it. `Probe` talks to it in lines of JSON.
"""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.store import Store
from agent.tls import client_context
from pki.core.errors import PKIError
from pki.core.verify import fingerprint

ROOT = Path(__file__).parent.parent
ALL_PAIRS, FURTHER, PATIENCE_S = 32, 5, 10.0
REQUEST = b"GET /status/servicestate HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Place:
    """A node: its store, its host name, and the address of its port 4242."""

    name: str
    home: str
    host_name: str
    address: str
    port: int = 4242


@dataclass(frozen=True)
class Report:
    """The number of connections of each pair, "caller callee", and the failures."""

    dials: dict[str, int]
    failures: list[dict[str, Any]]

    def __str__(self) -> str:
        fewest, most = min(self.dials.values()), max(self.dials.values())
        return f"{sum(self.dials.values())} handshakes over {len(self.dials)} pairs, {fewest} to {most} each, {len(self.failures)} failed"


def pairs(places: list[Place]) -> list[tuple[Place, Place]]:
    """All pairs. With many nodes, each node and the five next ones."""
    reach = len(places) - 1 if len(places) <= ALL_PAIRS else FURTHER
    return [(caller, places[(number + step) % len(places)]) for number, caller in enumerate(places) for step in range(1, reach + 1)]


def dial(caller: Place, callee: Place) -> str:
    """One handshake and one request with the files that are on the disk now. Returns why it failed, or ""."""
    try:
        mine = Store(Path(caller.home)).current()
        if mine is None:
            return "nothing is installed"
        with (
            socket.create_connection((callee.address, callee.port), PATIENCE_S) as raw,
            client_context(mine).wrap_socket(raw, server_hostname=callee.host_name) as secure,
        ):
            # With TLS 1.3, the refusal of a client certificate appears at the first read.
            secure.sendall(REQUEST)
            answer = secure.recv(64)
    except (OSError, ValueError, KeyError, PKIError) as exc:
        return f"{type(exc).__name__}: {exc}"
    return "" if answer.startswith(b"HTTP/1.1 200") else f"answered {answer!r}"


def held(place: Place) -> dict[str, Any]:
    """The content of a node's store, for the analysis of a failure."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        if installed := Store(Path(place.home)).current():
            serials = {"service": f"{installed.service.serial_number:x}", "client": f"{installed.client.serial_number:x}"}
            return serials | {"generation": installed.generation, "roots": [fingerprint(root)[:12] for root in installed.roots]}
    return {}


@dataclass
class Dialler:
    """The process of the probe: connects the pairs in turn, and reads which nodes are stopped."""

    places: list[Place]
    per_second: float
    dials: dict[str, int] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    started_at: dict[str, float] = field(default_factory=dict)

    def run(self) -> None:
        """All pairs, repeatedly, in a new order each time."""
        every = pairs(self.places)
        self.dials = {f"{caller.name} {callee.name}": 0 for caller, callee in every}
        while True:
            for caller, callee in random.sample(every, len(every)):
                began = time.monotonic()
                if callee.name not in self.stopped:
                    self._count(caller, callee, began, dial(caller, callee))
                time.sleep(max(0.0, began + 1 / self.per_second - time.monotonic()))

    def _count(self, caller: Place, callee: Place, began: float, problem: str) -> None:
        # The files of a stopped node may just be replaced.
        if problem and any(party.name in self.stopped or self.started_at.get(party.name, 0) > began for party in (caller, callee)):
            return
        self.dials[f"{caller.name} {callee.name}"] += 1
        if problem:
            parties = {"caller": caller.name, "callee": callee.name, "of_caller": held(caller), "of_callee": held(callee)}
            self.failures.append({"at": datetime.now(UTC).isoformat(), "reason": problem, **parties})

    def obey(self, command: str, name: str) -> Any:
        match command:
            case "stopped":
                self.stopped.add(name)
            case "started":
                self.started_at[name] = time.monotonic()
                self.stopped.discard(name)
        return asdict(Report(dict(self.dials), list(self.failures)))


class Probe:
    """The interface of the probe for tests: a context manager during which it connects."""

    def __init__(self, places: list[Place], *, environment: dict[str, str] | None = None, per_second: float = 40) -> None:
        self.command = [sys.executable, "-m", "sitekit.probe", json.dumps([asdict(place) for place in places]), str(per_second)]
        self.environment = os.environ | {"PYTHONDEVMODE": ""} | (environment or {})

    def __enter__(self) -> "Probe":
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=PATIENCE_S)

    def _ask(self, *words: str) -> Report:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return Report(**json.loads(self.process.stdout.readline()))

    @contextlib.contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """During this context, no node connects to these nodes, and their own connections may fail. A started node must listen before the context ends."""
        for name in names:
            self._ask("stopped", name)
        yield
        for name in names:
            self._ask("started", name)

    def report(self) -> Report:
        return self._ask("report", "")


def main() -> None:
    places, per_second = json.loads(sys.argv[1]), float(sys.argv[2])
    dialler = Dialler([Place(**place) for place in places], per_second)
    threading.Thread(target=dialler.run, daemon=True).start()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(dialler.obey(*json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
