"""Deadlines of connections, in one process."""

import asyncio
import contextlib
import socket
import ssl
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from uvicorn.server import ServerState

from agent.store import Store
from pki.core import keys
from pki.foreign.browser_choice import BrowserChoice
from qmc import server
from tests.public_authority import intermediate, sign

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0.1)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize(
    ("parts", "answers", "alive"),
    [([REQUEST], 1, True), ([REQUEST, REQUEST], 2, True), ([REQUEST, REQUEST[:9]], 1, False)],
    ids=["one", "the second comes before the first is answered", "half of a second"],
)
def test_only_an_incomplete_request_meets_the_deadline(monkeypatch, parts: list[bytes], answers: int, alive: bool) -> None:
    monkeypatch.setattr(server, "READ_DEADLINE_S", 0.4)

    async def last_answer() -> bytes:
        config = uvicorn.Config(hello, ws="none", lifespan="off", log_config=None, access_log=False)
        config.load()
        state = ServerState()
        listening = await asyncio.get_running_loop().create_server(
            lambda: server.PeerProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        async with listening:
            reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.03)
            for _ in range(answers):
                await reader.readuntil(b"hello")
            await asyncio.sleep(0.6)
            writer.write(REQUEST)
            content = b""
            with contextlib.suppress(ConnectionResetError):
                content = await reader.read(200)
            writer.close()
            return content

    assert asyncio.run(last_answer()).endswith(b"hello") is alive


@pytest.mark.parametrize(("most", "alive"), [(1, True), (0, False)])
def test_a_crowded_server_closes_connections_after_their_answer(monkeypatch: pytest.MonkeyPatch, most: int, alive: bool) -> None:
    monkeypatch.setattr(server, "MOST_KEPT", most)

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]

    async def is_alive() -> bool:
        config = uvicorn.Config(server.application(wsgi), ws="none", lifespan="off", log_config=None, access_log=False)
        config.load()
        state = ServerState()
        listening = await asyncio.get_running_loop().create_server(
            lambda: server.PeerProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        async with listening:
            reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
            writer.write(REQUEST)
            await reader.readuntil(b"hello")
            writer.write(REQUEST)
            answered = False
            with contextlib.suppress(ConnectionResetError, asyncio.IncompleteReadError):
                answered = bool(await reader.readuntil(b"hello"))
            writer.close()
            await asyncio.sleep(0.1)  # the server's side ends too
            return answered

    assert asyncio.run(is_alive()) is alive


def test_the_console_loads_a_chosen_certificate_and_keeps_its_connections(package, authority, tmp_path) -> None:
    """browser.pem is loaded again within two seconds; who is connected goes on; the node API's listener is left alone."""
    store = Store(tmp_path)
    store.install(package, now=authority.now)
    leaf = sign(issuer=intermediate(), names=("rim1.example",), begins=authority.now - timedelta(days=1))
    chosen = BrowserChoice(leaf.foreign.thumbprints[1], (leaf.pem, intermediate().pem), keys.to_pem(leaf.key))
    looking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    looking.check_hostname, looking.verify_mode = False, ssl.CERT_NONE

    async def dial(listening: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        reader, writer = await asyncio.open_connection(*listening.getsockname(), ssl=looking)
        return reader, writer, writer.get_extra_info("ssl_object").getpeercert(binary_form=True)

    async def walk() -> None:
        config = uvicorn.Config(hello, ws="none", lifespan="off", log_config=None, access_log=False)
        config.load()
        listening, untouched = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
        console = server.Server(config, store, server.CONSOLE, listening)
        node_api = server.Server(config, store, server.NODE_API, untouched)
        for group in (console, node_api):
            await group.startup()
        before = node_api.servers
        reader, writer, first = await dial(listening)
        store.choose(chosen)
        store.update_browser_pem(now=authority.now)
        for tick in range(0, 20, server.LOOKS_AFTER_TICKS):
            await console.on_tick(tick)
            await node_api.on_tick(tick)
        _, newcomer, second = await dial(listening)
        assert first == package_leaf(package)
        assert second == leaf.certificate.public_bytes(Encoding.DER)
        writer.write(REQUEST)
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        assert node_api.servers == before
        for opened in (writer, newcomer, *console.servers, *node_api.servers):
            opened.close()
        for opened in (listening, untouched):
            opened.close()

    asyncio.run(walk())


def package_leaf(package) -> bytes:
    return x509.load_pem_x509_certificate(package.service.certificate).public_bytes(Encoding.DER)
