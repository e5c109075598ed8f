"""Deadlines of connections, in one process."""

import asyncio
import contextlib
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from qmc import server

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
def test_only_a_request_that_is_not_whole_meets_the_deadline(monkeypatch, parts: list[bytes], answers: int, alive: bool) -> None:
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
