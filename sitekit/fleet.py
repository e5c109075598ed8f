"""Many light agents in one process: real agents, each on its own loopback address, sharing one event loop.

The process runs until its standard input ends. It answers requests over a Unix socket, one line of JSON per connection, so that many
clients may wait at once.
"""

import argparse
import asyncio
import functools
import json
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent import generation
from agent.serve import Agent, Options
from agent.state import Refused, State
from pki.core import keys
from pki.core.errors import PKIError
from pki.exchange import password
from pki.exchange.package import Opener
from sitekit.site import ROOT, free_network, networks

IN_A_NETWORK = 250
CONTROL = "control"


class TimedState(State):
    """The state of an agent, which records when a package was accepted."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.accepted_at = 0.0

    def accept(self, sealed: bytes, *, source: str, now: datetime) -> str:
        digest = super().accept(sealed, source=source, now=now)
        self.accepted_at = self.accepted_at or time.monotonic()
        return digest


class LightAgent(Agent):
    """An agent that follows its state on request, instead of twice a second."""

    def __init__(self, home: Path, address: str) -> None:
        super().__init__(Options(home, address, 4444, (address,), 4570, 4242, True))
        self.state: TimedState = TimedState(home)
        self.calling: asyncio.Task[None] | None = None
        self.list_number, self.list_at = 0, 0.0

    async def follow(self, *, first: bool = False) -> None:
        """The same. Records since when its listener uses the newest revocation list."""
        await super().follow(first=first)
        numbers = self.caller.loaded.revision[1].values() if self.caller.loaded else []
        if (newest := max(numbers, default=0)) > self.list_number:
            self.list_number, self.list_at = newest, time.monotonic()

    async def unlock(self, typed: str) -> None:
        """Install the package, as after typing the password. Raises: PKIError, Refused, OSError."""
        await asyncio.to_thread(lambda: self.state.unlock(Opener(password.canonical(typed)), now=datetime.now(UTC)))
        await self.follow()
        self.calling = self.calling or asyncio.create_task(self.send_heartbeats())


async def serve(home: Path, addresses: list[str]) -> None:
    """Start all agents, report that, and answer requests until standard input ends."""
    agents = {address: LightAgent(home / address, address) for address in addresses}
    for agent in agents.values():
        await agent.follow()

    async def command(name: str, address: str, *words: str) -> Any:
        match name:
            case "unlock":
                return await agents[address].unlock(*words)
            case "accepted":
                while not agents[address].state.accepted_at:
                    await asyncio.sleep(0.005)
                return agents[address].state.accepted_at
            case "knows":
                while agents[address].list_number < int(words[0]):
                    await asyncio.sleep(0.02)
                return agents[address].list_at
        return time.process_time()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            content = {"answer": await command(*json.loads(await reader.readline()))}
        except (PKIError, Refused, OSError) as exc:
            content = {"error": f"{type(exc).__name__}: {exc}"}
        writer.write(json.dumps(content).encode() + b"\n")
        writer.close()

    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    async with await asyncio.start_unix_server(answer, home / CONTROL, backlog=512):
        sys.stdout.write("open\n")
        sys.stdout.flush()
        await ended.wait()
        os._exit(0)  # threads may still derive keys, and a task may ignore its cancellation (asyncio.wait_for, Python 3.11)


class Fleet:
    """A context manager with `size` light agents that wait for packages, in a process of their own."""

    def __init__(self, home: Path, size: int) -> None:
        blocks = [f"{free_network()}.{next(networks)}" for _ in range(0, size, IN_A_NETWORK)]
        self.home = home
        self.addresses = [f"{block}.{number}" for block in blocks for number in range(2, 2 + IN_A_NETWORK)][:size]

    def __enter__(self) -> "Fleet":
        self.home.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "sitekit.fleet", str(self.home), *self.addresses]
        with (self.home / "fleet.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=os.environ | {"PYTHONDEVMODE": ""}
            )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"open\n", (self.home / "fleet.log").read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=20)

    def _ask(self, *words: str, seconds: float = 120) -> Any:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(self.home / CONTROL))
            with connection.makefile("rwb") as file:
                file.write(json.dumps(words).encode() + b"\n")
                file.flush()
                content = json.loads(file.readline())
        assert "answer" in content, content
        return content["answer"]

    def unlock(self, address: str, typed: str) -> None:
        """Type the password on the node. Returns when the package is installed and 4242 is open."""
        self._ask("unlock", address, typed)

    def accepted_at(self, address: str, seconds: float = 120) -> float:
        """Wait until the node has accepted its package. Returns the time of that, by `time.monotonic`. Raises: TimeoutError."""
        return float(self._ask("accepted", address, seconds=seconds))

    def knows_at(self, address: str, number: int, seconds: float = 120) -> float:
        """Wait until the node's listener uses a revocation list with this number or a later one. Returns the time of that. Raises: TimeoutError."""
        return float(self._ask("knows", address, str(number), seconds=seconds))

    def cpu_seconds(self) -> float:
        """The CPU time of the agents."""
        return float(self._ask("cpu", ""))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sitekit.fleet", description="Many light agents in one process.")
    parser.add_argument("home", type=Path)
    parser.add_argument("addresses", nargs="+")
    arguments = parser.parse_args()
    # Real nodes check the primes of their keys on their own processors (0.2 s per RSA key). These agents share one process.
    keys.from_pem = functools.partial(keys.from_pem, own=True)
    # A real agent keeps what it has read of its own few files.
    generation._loaded = functools.lru_cache(None)(generation._loaded.__wrapped__)
    asyncio.run(serve(arguments.home, arguments.addresses))


if __name__ == "__main__":
    main()
