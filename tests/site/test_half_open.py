"""200 half-open TLS connections: honest clients are served within 2 s, and the half-open ones are closed by the deadline."""

import contextlib
import socket
import ssl
import time

from agent import tls
from agent.store import Store
from tests.site.conftest import Site


def ask(context: ssl.SSLContext, port: int, name: str, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as raw, context.wrap_socket(raw, server_hostname=name) as secure:
        secure.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return secure.recv(200)


def test_half_open_connections_hold_nobody_up(site: Site) -> None:
    installed = Store(site.data / "node").current()
    assert installed is not None
    for port, context, path, expected in (
        (site.port, ssl.create_default_context(cafile=installed.roots_pem), "/api/v1/nodes/", b"401"),
        (site.node_port, tls.client_context(installed), "/status/servicestate", b"200"),
    ):
        with contextlib.ExitStack() as held:
            half_open = [held.enter_context(socket.create_connection(("127.0.0.1", port), 5)) for _ in range(200)]
            for each in half_open:
                each.sendall(b"\x16\x03\x01")
            slowest = 0.0
            for _ in range(5):
                started = time.monotonic()
                assert expected in ask(context, port, installed.host_name, path)
                slowest = max(slowest, time.monotonic() - started)
            assert slowest < 2
            half_open[0].settimeout(6)
            assert half_open[0].recv(1) == b""


def test_half_sent_request_is_closed_even_on_a_kept_alive_connection(site: Site) -> None:
    installed = Store(site.data / "node").current()
    assert installed is not None
    context = ssl.create_default_context(cafile=installed.roots_pem)
    with socket.create_connection(("127.0.0.1", site.port), 5) as raw, context.wrap_socket(raw, server_hostname="localhost") as secure:
        secure.sendall(b"GET /api/v1/nodes/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not secure.recv(4096).endswith(b"}"):
            pass
        secure.sendall(b"GET /api/v1/no")
        secure.settimeout(14)
        with contextlib.suppress(ConnectionResetError, ssl.SSLError):
            assert secure.recv(1) == b""


def test_node_api_refuses_whoever_has_no_client_certificate(site: Site) -> None:
    installed = Store(site.data / "node").current()
    assert installed is not None
    with contextlib.suppress(OSError):
        assert (
            ask(ssl.create_default_context(cafile=installed.roots_pem), site.node_port, installed.host_name, "/status/servicestate") == b""
        )
