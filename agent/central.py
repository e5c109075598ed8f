"""Asking the central node, inside mutual TLS, wherever it answers."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from agent import tls
from agent.calling import Place
from agent.state import State
from agent.store import Installed
from pki.core import clocks
from pki.core.commands import AGENT
from pki.exchange.package_header import MAXIMUM_BYTES
from pki.exchange.problem import detail_of

RESOLVE_S, NEXT_S, DIAL_S, ANSWER_S = 2, 2, 5, 20


ANOTHER_ROOT = (
    "it presents a certificate of another root than those trusted here. Either another machine answers there, or the root of the trust zone was "
    f"recreated: then run `{AGENT} reopen --home DIR` here, and press Redistribute in the console"
)


class CertificateRefused(OSError):
    """The central node answered, and accepts this node's certificate no more."""


async def _resolved(host_name: str, port: int) -> list[str]:
    """What the name resolves to. Raises: OSError.

    In a thread of its own: a resolver that hangs must not hold up the agent's end, as asyncio's own threads would.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def tell(answer: list[str] | OSError) -> None:
        if not found.done():
            found.set_exception(answer) if isinstance(answer, OSError) else found.set_result(answer)

    def look() -> None:
        answer: list[str] | OSError
        try:
            answer = [str(each[4][0]) for each in socket.getaddrinfo(host_name, port, type=socket.SOCK_STREAM)]
        except OSError as exc:
            answer = exc
        with contextlib.suppress(RuntimeError):  # the agent has ended meanwhile
            loop.call_soon_threadsafe(tell, answer)

    threading.Thread(target=look, daemon=True).start()
    return await found


async def _places(state: State, installed: Installed) -> list[Place]:
    """Where to call, in this order; for the central node's own agent the one address that it was given."""
    known, own = state.central(installed), state.central_address
    if own is not None:
        return [Place(known.host_name, own.address, own.port)]
    resolved: list[str] = []
    with contextlib.suppress(OSError, TimeoutError):
        resolved = await asyncio.wait_for(_resolved(known.host_name, known.port), RESOLVE_S)
    return known.order(resolved)


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


def _why(exc: Exception) -> str:
    """Why a call failed. The text of aiohttp names its own objects; the error below it has the cause."""
    below = getattr(exc, "certificate_error", None) or getattr(exc, "os_error", None) or exc
    if isinstance(below, TimeoutError):
        return "no answer"
    if isinstance(below, OSError) and not isinstance(below, ssl.SSLError | socket.gaierror) and below.errno:
        return os.strerror(below.errno)
    return str(below) or type(below).__name__


async def ask(state: State, installed: Installed, method: str, path: str, *, largest: int = MAXIMUM_BYTES, **content: Any) -> bytes:
    """What the central node answers, at the first address where it does. Raises: OSError, of it CertificateRefused."""
    context, problems = tls.client_context(installed), list[str]()
    places = await _places(state, installed)
    for place in places:
        # The last one is waited for longer: it may be the only one, on a slow line.
        timeout = aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=DIAL_S if place is places[-1] else NEXT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.request(
                method, f"https://{place}{path}", ssl=context, server_hostname=place.host_name, allow_redirects=False,
                headers={"Host": place.host_name}, **content,
            ) as response:  # fmt: skip
                body = await _body(response, largest)
                if response.status == 200:
                    with contextlib.suppress(OSError):  # a full disk, say
                        state.note_reached(installed, place)
                    return body
                problems.append(f"{place} answered {response.status}: {detail_of(body) or body[:200].decode(errors='replace')}")
                if response.status == 403:
                    raise CertificateRefused(problems[-1])
        except CertificateRefused:
            raise
        except (aiohttp.ClientError, ssl.SSLError, OSError, TimeoutError) as exc:
            why = _why(exc)
            if tls.is_about_dates(exc):
                there = await _clock_of(installed, f"https://{place}/status/servicestate")
                why = clocks.verdict("this node's", datetime.now(UTC), "the central node's", there)
            elif tls.is_another_root(exc):
                why = ANOTHER_ROOT
            problems.append(f"{place}: {why}")
    raise OSError("; ".join(problems) or "no address of the central node is known: run set-central")
