"""HTTP requests with deadlines, a size limit and no redirects."""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import SplitResult, urlsplit

from outbound.connections import connect_guarded, deadline, failure_text, place_of, tls_context
from outbound.errors import OutboundFailed

TOTAL_S, LARGEST_ANSWER, LONGEST_URL = 10.0, 65536, 2000
PORTS = {"http": 80, "https": 443}
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")


@dataclass(frozen=True)
class Request:
    """`path` begins with a slash and can have a query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """`body` has at most the first 64 KiB, and of a slow answer what arrived in time."""

    status: int
    headers: Message
    body: bytes


class _Connection(http.client.HTTPConnection):
    """HTTP on a connection that exists already."""

    def __init__(self, connection: socket.socket, host: str, port: int) -> None:
        super().__init__(host, port)
        self.sock = connection
        if isinstance(connection, ssl.SSLSocket):
            self.default_port = PORTS["https"]

    def exchange(self, request: Request) -> Answer:
        self.request(request.method, request.path, request.body, {**request.headers, "Connection": "close"})
        with self.getresponse() as answer:
            try:
                body = answer.read(LARGEST_ANSWER)
            except http.client.IncompleteRead as exc:
                body = exc.partial
            return Answer(answer.status, answer.headers, body)


def ask(connection: socket.socket, host: str, port: int, request: Request, within_s: float) -> Answer:
    """One request on `connection`, without TLS. Raises: OSError, http.client.HTTPException, ValueError."""
    with deadline(connection, within_s):
        return _Connection(connection, host, port).exchange(request)


def url_checked(url: str) -> SplitResult:
    """The parts of a URL that `send` accepts. Raises: ValueError, whose text is the remedy and does not repeat the URL."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > LONGEST_URL:
        raise ValueError(f"A URL has at most {LONGEST_URL} ASCII characters and no spaces. Encode other characters with %.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("The host or the port of this URL is invalid. Enter https://HOST/PATH or https://HOST:PORT/PATH.") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0 or not HOST.fullmatch(parts.hostname):
        raise ValueError("Enter a URL such as https://HOST/PATH or https://HOST:PORT/PATH.")
    if "@" in parts.netloc:
        raise ValueError("Remove the user name and the password from the URL.")
    return parts


def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, authorities: str = "") -> Answer:
    """One request to a foreign host, within 10 s. `authorities` are further CAs to trust, as PEM.

    Raises: OutboundFailed, also for an answer that redirects. ValueError as `url_checked` and `tls_context`.
    """
    until, parts = time.monotonic() + TOTAL_S, url_checked(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    context = tls_context(authorities) if parts.scheme == "https" else None
    request = Request(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers, body)
    with connect_guarded(host, port) as raw:
        answer = _exchange(raw, context, host, port, request, until - time.monotonic())
    if 300 <= answer.status < 400:
        raise OutboundFailed(
            f"{place_of(host, port)} redirects to another address (HTTP {answer.status}). The console follows no redirects. Enter the final URL."
        )
    return answer


def _exchange(raw: socket.socket, context: ssl.SSLContext | None, host: str, port: int, request: Request, within_s: float) -> Answer:
    """Raises: OutboundFailed."""
    raw.settimeout(within_s + 1)  # so that the deadline ends it, and what has arrived counts
    is_written = False
    with deadline(raw, within_s) as is_over:
        try:
            with context.wrap_socket(raw, server_hostname=host) if context else raw as connection:
                is_written = True
                return _Connection(connection, host, port).exchange(request)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            cause = TimeoutError() if is_over.is_set() else exc
            raise OutboundFailed(failure_text(cause, place_of(host, port)), may_have_arrived=is_written) from exc
