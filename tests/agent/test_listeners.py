"""A listener whose certificate changes during connections."""

import asyncio
import os
from pathlib import Path

from agent import listeners, tls
from agent.store import Installed, Store
from pki.exchange.package import Package
from sitekit.authority import Authority
from sitekit.engines import free_port

MANY, STEPS = 60, 6


async def dial(installed: Installed, address: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(
        address, port, ssl=tls.client_context(installed), server_hostname=installed.host_name, ssl_handshake_timeout=10
    )
    writer.write(b"GET /status/servicestate HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
    answer = await reader.readline()
    writer.close()
    return answer


async def dial_while_it_changes(installed: Installed) -> list[bytes]:
    """A new context at every step between the acceptance of a connection and its handshake, all on one event loop."""
    address, port = f"127.{os.getpid() % 60 + 30}.251.1", free_port()
    listener = listeners.Listener(listeners.node(lambda _: False), address, port)
    await listener.start(tls.server_context(installed))
    answers = []
    for number in range(MANY):
        context, dialling = tls.server_context(installed), asyncio.create_task(dial(installed, address, port))
        for _ in range(number % STEPS):
            await asyncio.sleep(0)
        await listener.serve(context)
        answers.append(await dialling)
    await listener.stop()
    return answers


def test_no_connection_is_lost_while_the_context_changes(authority: Authority, package: Package, tmp_path: Path) -> None:
    installed = Store(tmp_path).install(package, now=authority.now)
    answers = asyncio.run(dial_while_it_changes(installed))
    assert answers == [b"HTTP/1.1 200 OK\r\n"] * MANY
