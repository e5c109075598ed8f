"""A small TLS server for --reload-hook: one page with the certificate in browser.pem, which SIGHUP loads again.

python tests/site/tls_server.py browser.pem 127.0.0.2 8444
"""

import signal
import socket
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Page(BaseHTTPRequestHandler):
    """Kept-alive connections, as browsers open them."""

    protocol_version, timeout = "HTTP/1.1", 60

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Proxy</title><p>It works."
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    """Each connection keeps its first context. If a file cannot be loaded, the previous context stays."""

    context: ssl.SSLContext

    def load(self, pem: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.context = context

    def get_request(self) -> tuple[socket.socket, Any]:
        raw, peer = self.socket.accept()
        # The handshake is the connection's own thread's work: who is slow holds up nobody.
        return self.context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False), peer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The client closed the connection without a request."""


def main(pem: str, address: str, port: str) -> None:
    server = Server((address, int(port)), Page)
    server.load(pem)

    def again(*_: object) -> None:
        try:
            server.load(pem)
        except (OSError, ssl.SSLError) as exc:
            sys.stderr.write(f"{pem} does not load, the certificate loaded before stays in use: {exc}\n")

    signal.signal(signal.SIGHUP, again)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
