"""The answer to a body that is too large."""

import asyncio

import pytest
import uvicorn
from django.core.wsgi import get_wsgi_application
from uvicorn.server import ServerState

from qmc import server

PROBLEM = ("application/problem+json", "urn:trust-zone:too-large")


@pytest.mark.parametrize(
    ("path", "accept", "kind", "words"),
    [
        ("/browser-certificates/upload/", "text/html,*/*", "text/html", "The upload is too large"),
        ("/browser-certificates/upload/", "*/*", *PROBLEM),
        ("/api/v1/browser-certificates/", "text/html,*/*", *PROBLEM),
    ],
    ids=["page", "problem", "api"],
)
def test_a_body_that_is_too_large_is_explained_after_all_of_it_was_sent(path: str, accept: str, kind: str, words: str) -> None:
    async def answer() -> bytes:
        config = uvicorn.Config(server.application(get_wsgi_application()), ws="none", lifespan="off", log_config=None, access_log=False)
        config.load()
        state = ServerState()
        listening = await asyncio.get_running_loop().create_server(
            lambda: server.PeerProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        async with listening:
            reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
            length = 20 * 1024 * 1024
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n"
            writer.write(f"{head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {length}\r\n\r\n".encode())
            for _ in range(20):
                writer.write(bytes(length // 20))
                await writer.drain()
            content = await reader.read()
            writer.close()
            return content

    head, _, body = asyncio.run(answer()).decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 413 ")
    assert kind in head
    assert words in body
    assert "1 MiB" in body
