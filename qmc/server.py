"""The web processes: uvicorn with deadlines on every connection, and Django behind a2wsgi."""

import asyncio
import logging
import resource
import socket
import ssl
import threading
from asyncio import sslproto
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from a2wsgi import WSGIMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from agent import tls
from agent.store import Installed, Store
from pki.core.addresses import bare, is_wildcard
from pki.core.errors import PKIError
from qrs.conventions.paths import qrs_path
from web.middleware import is_api

log = logging.getLogger(__name__)
HANDSHAKE_DEADLINE_S, READ_DEADLINE_S, KEEP_ALIVE_S = 3, 10, 15
READ_BUFFER = 16 * 1024  # of each TLS connection: the size of a record. asyncio reserves 256 KiB, and thousands of nodes may call.
MOST_KEPT = 500  # With more open connections, each is closed after its answer.
LARGEST_HEADER, LARGEST_BODY, THREADS = 16 * 1024, 1024 * 1024, 16
MOST_SWALLOWED, TOO_LARGE, QRS_TOO_LARGE = 64 * 1024 * 1024, "/too-large/", "/qrs/too-large"
ContextMaker = Callable[[Installed], ssl.SSLContext]
LOOKS_AFTER_TICKS = 10  # a tick is a tenth of a second


class Protocol(H11Protocol):
    """A connection that must deliver each complete request in time."""

    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._arm()

    def _arm(self) -> None:
        if self.deadline is None:
            self.deadline = self.loop.call_later(READ_DEADLINE_S, self._too_slow)

    def _disarm(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _too_slow(self) -> None:
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._arm()
        super().data_received(data)

    def handle_events(self) -> None:
        # Also called when an answer was sent, for a request whose bytes came before that.
        before = self.cycle
        was_reading = before is not None and before.more_body
        super().handle_events()
        # A kept-alive connection still has its last request, so only a newly completed request counts.
        if (self.cycle is not before or was_reading) and not self.cycle.more_body:
            self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)


def application(wsgi: Any) -> Any:
    """Django as ASGI, with limits on the body and on idle connections, and the peer's certificate in the scope."""
    inner = WSGIMiddleware(wsgi, workers=THREADS)

    async def run(scope: Any, receive: Any, send: Any) -> None:
        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start" and scope["state"]["open_connections"]() > MOST_KEPT:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            await _swallow(receive)
            await inner(_too_large(scope), _nothing, answer)
        elif b"transfer-encoding" not in headers:
            await inner(scope, receive, answer)
        elif (body := await _whole(receive)) is None:
            await inner(_too_large(scope), _nothing, answer)
        else:
            await inner(_with_length(scope, len(body)), _one_part(body), answer)

    return run


async def _whole(receive: Any) -> bytes | None:
    """A chunked body. It has no length header, without which Django reads nothing. None if it is too large, or the caller has hung up."""
    body = b""
    while len(body) <= LARGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body if len(body) <= LARGEST_BODY else None
    await _swallow(receive)
    return None


def _with_length(scope: Any, length: int) -> Any:
    """The same request with the length of its body."""
    headers = [(name, value) for name, value in scope["headers"] if name not in (b"transfer-encoding", b"content-length")]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


def _one_part(body: bytes) -> Callable[[], Any]:
    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _swallow(receive: Any) -> None:
    """Read and discard the body. A client that is still sending when the connection closes does not see the answer."""
    swallowed = 0
    while swallowed <= MOST_SWALLOWED:
        message = await receive()
        swallowed += len(message.get("body", b""))
        if not message.get("more_body", False):
            return


def _too_large(scope: Any) -> Any:
    """A request of the same caller for the page that says so. A caller of the API gets problem details, because its `Accept` is left out."""
    left_out = {b"content-length", b"content-type", b"transfer-encoding"} | ({b"accept"} if is_api(scope["path"]) else set())
    path = TOO_LARGE if qrs_path(scope["path"]) is None else QRS_TOO_LARGE
    headers = [(name, value) for name, value in scope["headers"] if name not in left_out]
    return {**scope, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


class PeerProtocol(Protocol):
    """Put the peer's certificate into the scope of each request, as the ASGI TLS extension does, whether the peer has disconnected, and how many
    connections are open."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        secure = transport.get_extra_info("ssl_object")
        self.ended = threading.Event()
        self.app_state = {
            "peer_certificate": secure.getpeercert(binary_form=True) if secure else None, "has_ended": self.ended.is_set,
            "open_connections": self.connections.__len__,
        }  # fmt: skip

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        super().connection_lost(exc)


@dataclass(frozen=True)
class Serving:
    """A function that makes the TLS context of a process from the store, and the revision that changes with it."""

    make_context: ContextMaker
    revision_of: Callable[[Installed], object]


CONSOLE = Serving(tls.browser_context, lambda installed: installed.browser_revision)
NODE_API = Serving(tls.node_api_context, lambda installed: installed.revision)


class Server(uvicorn.Server):
    """Listen with handshake deadlines. A new certificate is loaded without dropping connections."""

    def __init__(self, config: uvicorn.Config, store: Store, serving: Serving, listening: socket.socket) -> None:
        super().__init__(config)
        self.store, self.serving, self.listening = store, serving, listening
        self.served: object = None  # the revision of the certificates that are served

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.servers = []
        await self._follow()
        self.started = True

    async def _follow(self) -> None:
        installed = self.store.current()
        if installed is None:
            return
        # Before the files are loaded, so that a change during loading is noticed at the next check.
        revision = self.serving.revision_of(installed)
        if revision == self.served:
            return
        context = self.serving.make_context(installed)

        def protocol() -> asyncio.Protocol:
            return PeerProtocol(config=self.config, server_state=self.server_state, app_state={})

        server = await asyncio.get_running_loop().create_server(
            protocol, sock=self.listening.dup(), ssl=context, backlog=512, ssl_handshake_timeout=HANDSHAKE_DEADLINE_S
        )
        for old in self.servers:
            await tls.retire(old)
        self.servers, self.served = [server], revision

    async def on_tick(self, counter: int) -> bool:
        if counter % LOOKS_AFTER_TICKS == 0:
            try:
                await self._follow()
            except (OSError, ValueError, KeyError, PKIError):
                log.exception("the new certificate cannot be loaded; the old one stays in use")
        return await super().on_tick(counter)


def listening_socket(address: str, port: int) -> socket.socket:
    """Listen on an IPv4 address, an IPv6 address with or without brackets (`::` includes IPv4) or a name. Raises: OSError."""
    address = bare(address)
    family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    both = family == socket.AF_INET6 and is_wildcard(address) and socket.has_dualstack_ipv6()
    return socket.create_server((address, port), family=family, backlog=512, dualstack_ipv6=both)


def serve(wsgi: Any, *, address: str, port: int, store: Store, serving: Serving) -> None:
    """Serve until SIGTERM, as many connections as the machine allows. Raises: OSError if the port is in use."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sslproto.SSLProtocol.max_size = READ_BUFFER
    listening = listening_socket(address, port)
    # Accepted connections inherit it; asyncio does not set it on them, because `create_server` leaves the protocol number at 0.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        application(wsgi), http=PeerProtocol, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S, timeout_graceful_shutdown=5, h11_max_incomplete_event_size=LARGEST_HEADER, proxy_headers=False,
    )  # fmt: skip
    Server(config, store, serving, listening).run()
