"""Bodies in parts, and the answer to a body that is too large."""

import asyncio
from typing import Any

import pytest
import uvicorn
from django.core.wsgi import get_wsgi_application
from uvicorn.server import ServerState

from qmc import server


async def answered(wsgi: Any, parts: list[bytes]) -> bytes:
    """The answer of a server to these parts of a request."""
    config = uvicorn.Config(server.application(wsgi), ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    listening = await asyncio.get_running_loop().create_server(
        lambda: server.PeerProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with listening:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        for part in parts:
            writer.write(part)
            await writer.drain()
        content = await reader.read()
        writer.close()
        return content


PROBLEM = ("application/problem+json", "urn:trust-zone:too-large")


@pytest.mark.parametrize(
    ("path", "accept", "kind", "words"),
    [
        ("/browser-certificates/upload/", "text/html,*/*", "text/html", "The upload is too large"),
        ("/browser-certificates/upload/", "*/*", *PROBLEM),
        ("/api/v1/browser-certificates/", "text/html,*/*", *PROBLEM),
        ("/QRS/certificatedistribution/exportcertificates", "text/html,*/*", "text/plain", "The body is too large"),
    ],
    ids=["page", "problem", "api", "qrs"],
)
def test_a_body_that_is_too_large_is_explained_after_all_of_it_was_sent(path: str, accept: str, kind: str, words: str) -> None:
    length = 20 * 1024 * 1024
    content = f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {length}"
    parts = [f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n{content}\r\n\r\n".encode()]
    head, _, body = asyncio.run(answered(get_wsgi_application(), parts + 20 * [bytes(length // 20)])).decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 413 ")
    assert kind in head
    assert words in body
    assert "1 MiB" in body


def echo(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [environ["CONTENT_LENGTH"].encode() + b" " + environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]


HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_chunked_body_arrives_whole_with_its_length() -> None:
    content = asyncio.run(answered(echo, [HEAD, b"3\r\n{}\n\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n"]))
    assert content.startswith(b"HTTP/1.1 200 ")
    assert b"8 {}\nabcde" in content


def test_a_chunked_body_that_is_too_large_is_explained() -> None:
    part = b"80000\r\n" + bytes(0x80000) + b"\r\n"
    content = asyncio.run(answered(get_wsgi_application(), [HEAD, *4 * [part], b"0\r\n\r\n"]))
    assert content.startswith(b"HTTP/1.1 413 ")
