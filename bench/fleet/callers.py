"""Light callers of bench.fleet: they call as agents do, but verify nothing and keep no files, to need little CPU time.

    python -m bench.fleet.callers DATA PORT FILE

DATA is the data directory of the site, which has the keys that all nodes share. FILE has one caller for each line. All call until standard input ends; then
the calls are printed, a line of JSON each, and the CPU time.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import ssl
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent import cluster
from agent.central import ANSWER_S, DIAL_S, KEPT_S
from agent.serve import RETRY_S, retry_after
from agent.store import KeyRing, Store
from pki.cluster import proofs
from pki.core import keys, sealing

PROBLEMS = (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError)


@dataclass(frozen=True)
class Call:
    """One call: when it began (by `time.monotonic`), the seconds that it took, and the interval of its answer, or why there was none."""

    at: float
    took_s: float
    interval_s: int
    problem: str = ""


@dataclass(frozen=True)
class Keys:
    """The keys that all callers share, and prove."""

    database: KeyRing
    cluster: Any


class Caller:
    """One node. `report` is the JSON of its last report; the next ones have other clocks, turns and proofs. `interval_s` is that of its last answer."""

    def __init__(self, port: int, shared: Keys, *, pem: str, report: dict[str, Any], interval_s: int) -> None:
        self.port, self.shared, self.pem, self.report, self.interval_s = port, shared, pem, report, interval_s
        self.node = report["node"]
        self.connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, calls: list[Call]) -> None:
        failed, regular = 0, self.interval_s
        await asyncio.sleep(random.uniform(0, self.interval_s))
        while True:
            began = time.monotonic()
            try:
                interval_s = await asyncio.wait_for(self._call(), ANSWER_S)
                calls.append(Call(began, time.monotonic() - began, interval_s))
                failed, regular = 0, max(interval_s, RETRY_S)
                wait_s = interval_s * random.uniform(0.9, 1.0)
            except PROBLEMS as exc:
                calls.append(Call(began, time.monotonic() - began, 0, str(exc) or type(exc).__name__))
                failed += 1
                wait_s = retry_after(failed, regular)
                self._close()
            await asyncio.sleep(wait_s)

    async def _call(self) -> int:
        """The interval of the answer. Raises: PROBLEMS."""
        body = json.dumps(self.report | {"clock": datetime.now(UTC).isoformat()}).encode()
        try:
            answer = await self._answer(body, self.connection) if self.connection else None
        except PROBLEMS:
            answer = None
        if answer is None:
            self._close()
            self.connection = await self._connect()
            answer = await self._answer(body, self.connection)
        opened = {
            key_id: sealing.unseal(
                self.shared.database.keys.values(), base64.b64decode(sealed), bound_to=sealing.challenge_for(self.node)
            ).hex()
            for key_id, sealed in answer["challenges"].items()
        }
        challenge = answer["cluster_challenge"]
        proof = proofs.proof_make(self.shared.cluster, node=self.node, challenge=challenge) if challenge else None
        self.report |= {"turn": answer["turn"], "proofs": opened, "cluster_proof": proof}
        if answer["interval_s"] > KEPT_S:
            self._close()
        return int(answer["interval_s"])

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(self.pem)
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, ssl_handshake_timeout=DIAL_S)

    def _close(self) -> None:
        if self.connection:
            self.connection[1].transport.abort()
        self.connection = None

    @staticmethod
    async def _answer(body: bytes, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> Any:
        reader, writer = connection
        writer.write(f"POST /api/v1/heartbeat/ HTTP/1.1\r\nHost: central\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        content = await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        if not head.startswith(b"http/1.1 200"):
            raise OSError(f"{head[9:12].decode()} {json.loads(content).get('detail', '')[:120]}")
        return json.loads(content)


async def run(data: Path, port: int, file: Path) -> None:
    store = Store(data / "node")
    installed = store.current()
    assert installed is not None
    shared = Keys(store.key_ring(), keys.from_pem(cluster.place(installed).read_bytes(), own=True))
    calls: list[Call] = []
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    callers = [Caller(port, shared, **json.loads(line)) for line in file.read_text().splitlines()]
    running = [asyncio.create_task(caller.run(calls)) for caller in callers]
    await ended.wait()
    broken = [task.exception() for task in running if task.done()]
    print("\n".join(json.dumps(asdict(call)) for call in calls))
    print(time.process_time(), flush=True)
    if broken:
        print(repr(broken[0]), file=sys.stderr, flush=True)
    os._exit(bool(broken))  # thousands of tasks need no orderly end


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.callers", description="Light callers of bench.fleet.")
    parser.add_argument("data", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    asyncio.run(run(given.data, given.port, given.file))


if __name__ == "__main__":
    main()
