"""Real receivers of what leaves the console: over HTTP and over mail, on loopback."""

import contextlib
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from pki.core.pair import Pair

LOOPBACK = ("127.0.0.0/8", "::1/128")  # for QMC_OUTBOUND_NETWORKS


def server_context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("cert", pair.certificate), ("key", pair.private_key)):
            (Path(folder) / name).write_bytes(content)
        context.load_cert_chain(Path(folder) / "cert", Path(folder) / "key")
    return context


@dataclass(frozen=True)
class Request:
    path: str
    headers: Message
    body: bytes


class Handler(BaseHTTPRequestHandler):
    server: "HttpReceiver"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.received.append(Request(self.path, self.headers, body))
        self.close_connection = True
        with contextlib.suppress(OSError):  # the console has closed the connection
            self.server.respond(self)

    do_GET = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        pass


Respond = Callable[[Handler], None]


class HttpReceiver(ThreadingHTTPServer):
    """Keeps what it receives, and answers with `respond`."""

    daemon_threads = True

    def __init__(self, respond: Respond, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[Request] = []
        self.respond = respond
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/hook?token=1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The console refused the certificate, or has closed the connection."""


def status(code: int, *, body: bytes = b"", **headers: str) -> Respond:
    def respond(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def hang(handler: Handler) -> None:
    time.sleep(30)


def drip(handler: Handler) -> None:
    """One byte of the header at a time."""
    for _ in range(100):
        handler.wfile.write(b"H")
        time.sleep(0.2)


def accept_and_drip(handler: Handler) -> None:
    """Success at once, and then one byte of the body at a time."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"x")
        time.sleep(0.2)


@contextlib.contextmanager
def http_receiver(respond: Respond = status(204), context: ssl.SSLContext | None = None) -> Iterator[HttpReceiver]:  # noqa: B008
    with HttpReceiver(respond, context) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


class MailReceiver:
    """Keeps each accepted message. Refuses the recipients in `refused` and every sign-in with another password than `password`."""

    def __init__(self, password: str = "", refused: tuple[str, ...] = ()) -> None:
        self.password, self.refused = password, refused
        self.received: list[Envelope] = []
        self.signed_in: list[str] = []
        self.before_answer: Callable[[], None] = lambda: None
        """Called when a message has arrived, before the server says so."""

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if address in self.refused:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.received.append(envelope)
        self.before_answer()
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        if data.password.decode() != self.password:
            return AuthResult(success=False, handled=False)
        self.signed_in.append(data.login.decode())
        return AuthResult(success=True)


class _AnyPort(Controller):
    """With port 0, the first call goes to the port that the server got."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextlib.contextmanager
def mail_receiver(
    receiver: MailReceiver, context: ssl.SSLContext | None = None, *, implicit_tls: bool = False, port: int = 0
) -> Iterator[int]:
    """A mail server for `receiver`, and its port. With `context` it has STARTTLS, or TLS from the start with `implicit_tls`."""
    options: dict[str, Any] = {"authenticator": receiver.authenticate, "auth_require_tls": context is not None}
    if implicit_tls:
        options["ssl_context"], options["auth_require_tls"] = context, False
    elif context:
        options["tls_context"] = context
    controller = _AnyPort(receiver, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop(no_assert=True)
