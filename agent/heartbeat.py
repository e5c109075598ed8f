"""Calling home: one report, one answer, inside mutual TLS."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import threading
from datetime import UTC, datetime
from typing import Any

import aiohttp

from agent import tls
from agent.state import State, report
from agent.store import Installed
from pki import verify
from pki.errors import PKIError
from pki.package import MAXIMUM_BYTES, CentralAddress

log = logging.getLogger("agent")
RESOLVE_S, DIAL_S = 2, 5


async def _resolved(host_name: str, port: int) -> list[tuple[str, int]]:
    """What the name resolves to. Raises: OSError.

    In a thread of its own: a resolver that hangs must not hold up the agent's end, as asyncio's own threads would.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[tuple[str, int]]] = loop.create_future()

    def tell(answer: list[tuple[str, int]] | OSError) -> None:
        if not found.done():
            found.set_exception(answer) if isinstance(answer, OSError) else found.set_result(answer)

    def look() -> None:
        answer: list[tuple[str, int]] | OSError
        try:
            answer = [(str(each[4][0]), port) for each in socket.getaddrinfo(host_name, port, type=socket.SOCK_STREAM)]
        except OSError as exc:
            answer = exc
        with contextlib.suppress(RuntimeError):  # the agent has ended meanwhile
            loop.call_soon_threadsafe(tell, answer)

    threading.Thread(target=look, daemon=True).start()
    return await found


async def _addresses(host_name: str, known: tuple[CentralAddress, ...]) -> list[tuple[str, int]]:
    """The central host name where it resolves in time, then the known addresses."""
    stored = [(each.address, each.port) for each in known]
    port = stored[0][1] if stored else 4242
    try:
        return list(dict.fromkeys([*await asyncio.wait_for(_resolved(host_name, port), RESOLVE_S), *stored]))
    except (OSError, TimeoutError):
        return stored


async def served(installed: Installed, address: str, port: int) -> str | None:
    """The fingerprint of what this node's own 4242 really serves."""
    try:
        context = tls.client_context(installed)
        reading = asyncio.open_connection(address, port, ssl=context, server_hostname=installed.host_name)
        _, writer = await asyncio.wait_for(reading, DIAL_S)
    except (OSError, ssl.SSLError, TimeoutError):
        return None
    der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return verify.fingerprint(der)


class CertificateRefused(OSError):
    """The central node answered, and accepts this node's certificate no more."""


class Caller:
    """Talks to the central node's 4242."""

    def __init__(self, state: State, address: str, port: int, *, listening: bool) -> None:
        self.state, self.address, self.port, self.listening = state, address, port, listening
        self.challenges: dict[str, str] = {}

    async def beat(self) -> tuple[int, bool]:
        """One heartbeat. Returns seconds until the next, and whether something new was installed. Raises: OSError."""
        installed = self.state.store.current()
        if installed is None:
            return 1, False
        now_served = await served(installed, self.address, self.port) if self.listening else None
        ring = self.state.store.key_ring()
        for place, problem in ring.problems.items():
            log.warning("service pair in %s: %s", place, problem)
        content = report(installed, ring, self.challenges, served=now_served, listening=self.listening, now=datetime.now(UTC))
        try:
            answer = json.loads(await self._ask(installed, "POST", "/api/v1/heartbeat/", json=content))
        except CertificateRefused:
            # Revoked, or replaced before it came into use: only a new package helps, so wait for one.
            if not self.state.is_open(datetime.now(UTC)):
                self.state.reopen()
            raise
        self.challenges = {str(key_id): str(sealed) for key_id, sealed in answer.get("challenges", {}).items()}
        if answer.get("retired_database_keys"):
            self.state.forget_database_keys([str(each) for each in answer["retired_database_keys"]])
        if answer.get("reopen"):
            self.state.reopen()
        offered = answer.get("package")
        if offered and offered["generation"] > installed.generation:
            sealed = await self._ask(installed, "GET", f"/api/v1/packages/{int(offered['generation'])}/")
            try:
                self.state.install_renewal(sealed, now=datetime.now(UTC))
            except PKIError as exc:
                log.warning("renewal not installed: %s", exc)
                return 30, False
            log.info("renewal installed, generation %s", offered["generation"])
            return 0, True
        return min(max(int(answer.get("interval_s", 60)), 1), 3600), False

    async def _ask(self, installed: Installed, method: str, path: str, **content: Any) -> bytes:
        context, problem = tls.client_context(installed), "no address of the central node is known: run set-central"
        host_name, known = self.state.central(installed)
        for address, port in await _addresses(host_name, known):
            host = f"[{address}]" if ":" in address else address
            try:
                timeout = aiohttp.ClientTimeout(total=20, sock_connect=DIAL_S)
                async with aiohttp.ClientSession(timeout=timeout) as session, session.request(
                    method, f"https://{host}:{port}{path}", ssl=context, server_hostname=host_name, allow_redirects=False,
                    headers={"Host": host_name}, **content,
                ) as response:  # fmt: skip
                    body = await response.content.read(MAXIMUM_BYTES)
                    if response.status == 200:
                        return body
                    problem = f"{address}:{port} answered {response.status}: {body[:200].decode(errors='replace')}"
                    if response.status == 403:
                        raise CertificateRefused(problem)
            except CertificateRefused:
                raise
            except (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError) as exc:
                problem = f"{address}:{port}: {exc or type(exc).__name__}"
        raise OSError(problem)
