"""Asking the central node, inside mutual TLS, wherever it answers."""

import asyncio
import contextlib
import socket
import ssl
import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from agent import tls
from agent.state import State
from agent.store import Installed
from pki import clocks
from pki.package import CentralAddress
from pki.package_header import MAXIMUM_BYTES
from pki.problem import detail_of

RESOLVE_S, DIAL_S, ANSWER_S = 2, 5, 20


class CertificateRefused(OSError):
    """The central node answered, and accepts this node's certificate no more."""


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


async def _body(response: aiohttp.ClientResponse, largest: int) -> bytes:
    """The whole answer. Raises: OSError if it is larger than a node takes."""
    body = b""
    async for part in response.content.iter_any():
        body += part
        if len(body) > largest:
            raise OSError(f"the answer has more than {largest} bytes")
    return body


async def _clock_of(installed: Installed, url: str) -> datetime | None:
    """What the other side's clock says, by an answer of which nothing is verified; None if it gives none."""
    try:
        timeout = aiohttp.ClientTimeout(total=DIAL_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(
            url, ssl=tls.looking_context(installed), allow_redirects=False
        ) as response:  # fmt: skip
            return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (aiohttp.ClientError, OSError, TimeoutError, KeyError, ValueError):
        return None


async def ask(state: State, installed: Installed, method: str, path: str, *, largest: int = MAXIMUM_BYTES, **content: Any) -> bytes:
    """What the central node answers, at the first address where it does. Raises: OSError, of it CertificateRefused."""
    context, problems = tls.client_context(installed), list[str]()
    host_name, known = state.central(installed)
    for address, port in await _addresses(host_name, known):
        host = f"[{address}]" if ":" in address else address
        try:
            timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=DIAL_S)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.request(
                method, f"https://{host}:{port}{path}", ssl=context, server_hostname=host_name, allow_redirects=False,
                headers={"Host": host_name}, **content,
            ) as response:  # fmt: skip
                body = await _body(response, largest)
                if response.status == 200:
                    return body
                problems.append(f"{address}:{port} answered {response.status}: {detail_of(body) or body[:200].decode(errors='replace')}")
                if response.status == 403:
                    raise CertificateRefused(problems[-1])
        except CertificateRefused:
            raise
        except (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError) as exc:
            why = str(exc) or type(exc).__name__
            if tls.is_about_dates(exc):
                there = await _clock_of(installed, f"https://{host}:{port}/status/servicestate")
                why = clocks.verdict("this node's", datetime.now(UTC), "the central node's", there)
            problems.append(f"{address}:{port}: {why}")
    raise OSError("; ".join(problems) or "no address of the central node is known: run set-central")
