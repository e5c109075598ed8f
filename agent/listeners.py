"""The agent's listeners: port 4444 receives packages, and port 4242 answers over mutual TLS. `agent.setup` has port 4570."""

import asyncio
import errno
import json
import os
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web
from cryptography import x509

from agent import tls
from agent.passwords import Passwords
from agent.state import Refused, State
from pki.core import revocation, verify
from pki.core.addresses import netloc
from pki.core.errors import PackageMalformed
from pki.exchange import problem as problems
from pki.exchange.package_header import MAXIMUM_BYTES

REMEDIES = {
    errno.EADDRINUSE: "Is another agent running here? Stop it, or choose other ports.",
    errno.EADDRNOTAVAIL: "This machine does not have that address yet. The agent waits for it. If it does not come, check --address and --setup-address.",
    errno.EACCES: "This account may not listen on a port below 1024. Give it that permission, or choose another port.",
}
HANDSHAKE_DEADLINE_S, DEADLINE_S, BACKLOG = 3, 10, 512
MOST_BYTES = 1024  # of a request to port 4242


def problem(slug: str, detail: str, status: int) -> web.Response:
    return web.Response(text=json.dumps(problems.problem(slug, status, detail)), status=status, content_type=problems.MEDIA_TYPE)


def _end(handler: web.RequestHandler) -> None:
    """Close a connection at its deadline. A connection has one request."""
    if handler.transport is not None:
        handler.transport.abort()


class Listener:
    """One application on one address. It can change its TLS context without refusing a connection."""

    def __init__(self, application: web.Application, address: str, port: int) -> None:
        # No client of this port sends compressed bodies, so they are never decompressed.
        self.runner = web.AppRunner(
            application, access_log=None, keepalive_timeout=0, handler_cancellation=False, shutdown_timeout=2, auto_decompress=False
        )
        self.address, self.port = address, port
        self.listening: socket.socket | None = None
        self._server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        """Raises: OSError, with the address on which the agent cannot listen, the reason, and what to do."""
        await self.runner.setup()
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        try:
            self.listening = socket.create_server((self.address, self.port), family=family, backlog=BACKLOG)
        except OSError as exc:
            code = exc.errno or 0  # a name that does not resolve has a code of the resolver
            why = os.strerror(code) if code in errno.errorcode else exc.strerror
            remedy = REMEDIES.get(code, "Check the address; the agent tries again.")
            raise OSError(exc.errno, f"{netloc(self.address, self.port)}: {why}. {remedy}") from exc
        await self.serve(context)

    async def serve(self, context: ssl.SSLContext | None) -> None:
        """Use `context` for new connections, on the same socket. Waiting clients are accepted, and open connections continue."""
        server, loop = self.runner.server, asyncio.get_running_loop()
        assert server is not None
        assert self.listening is not None

        def connection() -> asyncio.Protocol:
            handler = server()
            loop.call_later(DEADLINE_S, _end, handler)
            return handler

        before, self._server = self._server, await loop.create_server(
            connection, sock=self.listening.dup(), ssl=context, backlog=BACKLOG, ssl_handshake_timeout=HANDSHAKE_DEADLINE_S if context else None
        )  # fmt: skip
        if before is not None:
            await tls.retire(before)

    def close_revoked(self, crls: tuple[x509.CertificateRevocationList, ...]) -> None:
        """End the open connections of peers that these lists name."""
        for handler in self.runner.server.connections if self.runner.server else ():
            secure = handler.transport.get_extra_info("ssl_object") if handler.transport else None
            der = secure.getpeercert(binary_form=True) if secure else None
            if der and revocation.is_revoked(x509.load_der_x509_certificate(der), crls):
                _end(handler)

    async def stop(self) -> None:
        """Stop accepting connections. Answers that have begun are sent."""
        for server in (self._server, self.listening):
            if server is not None:
                server.close()
        self._server = self.listening = None
        await self.runner.cleanup()


def distribution(state: State, setup_url: str, passwords: Passwords) -> web.Application:
    """Port 4444: receives packages, and answers which ones wait for a password."""

    async def package(request: web.Request) -> web.Response:
        try:
            sealed = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return problem("package-too-large", f"A package has at most {MAXIMUM_BYTES} bytes.", 413)
        try:
            digest = await asyncio.to_thread(state.accept, sealed, source=request.remote or "", now=datetime.now(UTC))
        except Refused as exc:
            return problem(exc.kind, str(exc), exc.status)
        except PackageMalformed as exc:
            return problem("package-malformed", str(exc), 400)
        except OSError as exc:
            return problem(
                "not-written",
                f"The package cannot be written on this node: {exc.strerror}. Free disk space or correct the permissions.",
                507,
            )
        passwords.arrived(sealed)
        return web.json_response({"digest": digest})

    async def status(request: web.Request) -> web.Response:
        content = state.status(datetime.now(UTC)) | {"setup_url": setup_url}
        if "application/json" in request.headers.get("Accept", ""):
            return web.json_response(content)
        return web.Response(text=str(content["value"]))

    application = web.Application(client_max_size=MAXIMUM_BYTES)
    application.router.add_post("/setup/certificatedistribution", package)
    application.router.add_get("/status/servicestate", status)
    return application


def node(may_nudge: Callable[[str], bool]) -> web.Application:
    """Port 4242 on the node: answers with its status, and calls the central node when that asks. It accepts no other command, and no content.

    `may_nudge` gets the SHA-256 of the client's certificate. If that certificate may ask for a call, it plans the call and returns True.
    """

    async def running(_: web.Request) -> web.Response:
        return web.Response(text="2")

    async def call_now(request: web.Request) -> web.Response:
        try:
            await request.read()
        except web.HTTPRequestEntityTooLarge:
            return problem("request-too-large", f"This request has no content, and at most {MOST_BYTES} bytes of it are read.", 413)
        der = request.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if not may_nudge(verify.fingerprint(der)):
            return problem(
                "not-the-central-node", "Only the central node may ask this node to call. This client certificate is another one.", 403
            )
        return web.Response(status=204)

    application = web.Application(client_max_size=MOST_BYTES)
    application.router.add_post("/call-now", call_now)
    application.router.add_get("/status/servicestate", running)
    return application
