"""200 half-open TLS connections: other clients are served within 2 s, and half-open or half-sent requests are closed at their deadline."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator

from agent import tls
from agent.store import Store
from sitekit.site import Site
from tests.slow import takes_minutes


def ask(context: ssl.SSLContext, port: int, name: str, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as raw, context.wrap_socket(raw, server_hostname=name) as secure:
        secure.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return secure.recv(200)


@contextlib.contextmanager
def half_sent(site: Site, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """A connection whose first request was answered, and whose second is incomplete."""
    with socket.create_connection(("127.0.0.1", site.port), 5) as raw, context.wrap_socket(raw, server_hostname="localhost") as secure:
        secure.sendall(b"GET /api/v1/nodes/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not secure.recv(4096).endswith(b"}"):
            pass
        secure.sendall(b"GET /api/v1/no")
        yield secure


@takes_minutes
def test_half_open_and_half_sent_connections_delay_no_client_and_are_closed(site: Site) -> None:
    installed = Store(site.data / "node").current()
    assert installed is not None
    browser = ssl.create_default_context(cafile=installed.roots_pem)
    with half_sent(site, browser) as kept_alive:
        for port, context, path, expected in (
            (site.port, browser, "/api/v1/nodes/", b"401"),
            (site.node_port, tls.client_context(installed), "/status/servicestate", b"200"),
        ):
            with contextlib.ExitStack() as held:
                half_open = [held.enter_context(socket.create_connection(("127.0.0.1", port), 5)) for _ in range(200)]
                for connection in half_open:
                    connection.sendall(b"\x16\x03\x01")
                slowest = 0.0
                for _ in range(5):
                    started = time.monotonic()
                    assert expected in ask(context, port, installed.host_name, path)
                    slowest = max(slowest, time.monotonic() - started)
                assert slowest < 2
                half_open[0].settimeout(6)
                assert half_open[0].recv(1) == b""
        kept_alive.settimeout(8)
        with contextlib.suppress(ConnectionResetError, ssl.SSLError):
            assert kept_alive.recv(1) == b""


def test_the_node_api_refuses_clients_without_a_certificate(site: Site) -> None:
    installed = Store(site.data / "node").current()
    assert installed is not None
    with contextlib.suppress(OSError):
        assert (
            ask(ssl.create_default_context(cafile=installed.roots_pem), site.node_port, installed.host_name, "/status/servicestate") == b""
        )
