"""Requests to the central node over mutual TLS, at the first of its addresses that answers."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from cryptography import x509

from agent import tls
from agent.central_addresses import Place
from agent.state import State
from agent.store import Installed
from pki.core import clocks
from pki.core.commands import AGENT
from pki.exchange.package_header import MAXIMUM_BYTES
from pki.exchange.problem import detail_of

RESOLVE_S, NEXT_S, DIAL_S, ANSWER_S = 2, 2, 5, 20
# How long a connection waits for the next request, less than the 15 s of the central node; and after how long another one replaces it.
KEPT_S, LONGEST_S = 10, 300


ANOTHER_ROOT = (
    "its certificate was issued by another root than those that this node trusts. Either another machine answers there, or the root of the trust zone was "
    f"recreated: then run `{AGENT} reopen --home DIR` here, and press Redistribute in the console"
)


class CertificateRefused(OSError):
    """The central node answered, and does not accept this node's certificate any more."""


async def _resolved(host_name: str, port: int) -> list[str]:
    """The addresses that the name resolves to. Raises: OSError.

    Uses its own daemon thread: with asyncio's threads, a resolver that hangs would delay the end of the agent.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def finish(answer: list[str] | OSError) -> None:
        if not found.done():
            found.set_exception(answer) if isinstance(answer, OSError) else found.set_result(answer)

    def resolve() -> None:
        answer: list[str] | OSError
        try:
            answer = [str(information[4][0]) for information in socket.getaddrinfo(host_name, port, type=socket.SOCK_STREAM)]
        except OSError as exc:
            answer = exc
        with contextlib.suppress(RuntimeError):  # the agent has stopped meanwhile
            loop.call_soon_threadsafe(finish, answer)

    threading.Thread(target=resolve, daemon=True).start()
    return await found


async def _places(state: State, installed: Installed) -> list[Place]:
    """The addresses to call, in this order. The central node's own agent has one address only, given at its start."""
    known, own = state.central(installed), state.central_address
    if own is not None:
        return [Place(known.host_name, own.address, own.port)]
    resolved: list[str] = []
    with contextlib.suppress(OSError, TimeoutError):
        resolved = await asyncio.wait_for(_resolved(known.host_name, known.port), RESOLVE_S)
    return known.order(resolved)


async def _body(response: aiohttp.ClientResponse, largest: int) -> bytes:
    """The body of the answer. Raises: OSError if it has more than `largest` bytes."""
    body = b""
    async for part in response.content.iter_any():
        body += part
        if len(body) > largest:
            raise OSError(f"the answer has more than {largest} bytes")
    return body


async def _clock_of(installed: Installed, url: str) -> datetime | None:
    """The other machine's clock, from an answer that is not verified; None without an answer."""
    try:
        timeout = aiohttp.ClientTimeout(total=DIAL_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(
            url, ssl=tls.unverified_context(installed), allow_redirects=False
        ) as response:  # fmt: skip
            return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (aiohttp.ClientError, OSError, TimeoutError, KeyError, ValueError):
        return None


def _why(exc: Exception) -> str:
    """Why a call failed. The text of an aiohttp error names its own objects; its inner error has the cause."""
    below = getattr(exc, "certificate_error", None) or getattr(exc, "os_error", None) or exc
    if isinstance(below, TimeoutError):
        return "no answer"
    if isinstance(below, OSError) and not isinstance(below, ssl.SSLError | socket.gaierror) and below.errno:
        return os.strerror(below.errno)
    return str(below) or type(below).__name__


class Central:
    """Sends requests to the central node. The requests of one call share a connection, and calls that follow soon share it too."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._session: aiohttp.ClientSession | None = None
        self._opened_at = 0.0
        self._presented: tuple[x509.Certificate, object] | None = None  # client certificate, roots and revocation lists of `_context`
        self._context: ssl.SSLContext | None = None
        self._used: tuple[Place, ssl.SSLContext] | None = None  # of the last request that was answered

    async def close(self) -> None:
        """Close the connection. The next request opens another one."""
        session, self._session, self._used = self._session, None, None
        if session is not None:
            await session.close()

    async def settle(self, next_s: float) -> None:
        """Close the connection, unless the next request comes in `next_s` seconds and that is soon."""
        if not 0 < next_s <= KEPT_S or time.monotonic() - self._opened_at > LONGEST_S:
            await self.close()

    def context(self, installed: Installed) -> ssl.SSLContext:
        """The TLS context for these certificates, roots and revocation lists. Connections with another one are not used again."""
        presented = installed.client, installed.revision
        if self._context is None or presented != self._presented:
            self._context, self._presented = tls.client_context(installed), presented
        return self._context

    async def ask(self, installed: Installed, method: str, path: str, *, largest: int = MAXIMUM_BYTES, **content: Any) -> bytes:
        """The answer of the central node, from the first address that answers. Raises: OSError, of it CertificateRefused."""
        context, problems = self.context(installed), list[str]()
        places = await _places(self.state, installed)
        for place in places:
            # The last address gets more time: it may be the only one, on a slow line.
            timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=DIAL_S if place is places[-1] else NEXT_S)
            try:
                status, body = await self._answer(place, context, method, path, largest, timeout=timeout, **content)
            except (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError) as exc:
                why = _why(exc)
                if tls.is_date_error(exc):
                    there = await _clock_of(installed, f"https://{place}/status/servicestate")
                    why = clocks.verdict("this node's", datetime.now(UTC), "the central node's", there)
                elif tls.is_root_error(exc):
                    why = ANOTHER_ROOT
                problems.append(f"{place}: {why}")
                continue
            if status == 200:
                with contextlib.suppress(OSError):  # such as a full disk
                    self.state.record_reached(installed, place)
                return body
            problems.append(f"{place} answered {status}: {detail_of(body) or body[:200].decode(errors='replace')}")
            if status == 403:
                raise CertificateRefused(problems[-1])
        raise OSError("; ".join(problems) or "no address of the central node is known: run set-central")

    async def _answer(
        self, place: Place, context: ssl.SSLContext, method: str, path: str, largest: int, **options: Any
    ) -> tuple[int, bytes]:
        """Status and body of the answer at this address. Raises: OSError, aiohttp.ClientError."""
        is_kept, self._used = self._used == (place, context), None
        try:
            answer = await self._request(place, context, method, path, largest, **options)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not is_kept:
                raise
            # The central node has closed the kept connection meanwhile. If it did that after it had the report, the report returns the turn before.
            answer = await self._request(place, context, method, path, largest, **options)
        self._used = place, context
        return answer

    async def _request(
        self, place: Place, context: ssl.SSLContext, method: str, path: str, largest: int, **options: Any
    ) -> tuple[int, bytes]:
        if self._session is None:
            self._session, self._opened_at = (
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=KEPT_S)),
                time.monotonic(),
            )
        async with self._session.request(
            method, f"https://{place}{path}", ssl=context, server_hostname=place.host_name, allow_redirects=False,
            headers={"Host": place.host_name}, **options,
        ) as response:  # fmt: skip
            return response.status, await _body(response, largest)


async def ask(state: State, installed: Installed, method: str, path: str, **content: Any) -> bytes:
    """The answer to one request, over a connection of its own. Raises: OSError, of it CertificateRefused."""
    central = Central(state)
    try:
        return await central.ask(installed, method, path, **content)
    finally:
        await central.close()
