"""The server that replaces a proxy in other tests loads its certificate again without dropping connections."""

import contextlib
import http.client
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.files import replace
from pki.core import keys
from sitekit.engines import free_port
from tests.public_authority import Signed, sign
from tests.site import tls_server

DOCUMENT = Path(__file__).parent.parent.parent / "docs/browser-certificates.md"


def pem(leaf: Signed) -> bytes:
    return keys.to_pem(leaf.key) + leaf.pem


def example(port: int) -> str:
    """The proxy in the documentation, on an unprivileged port."""
    (shown,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return shown.replace('("", 443)', f'("127.0.0.1", {port})')


@pytest.fixture(params=["ours", "the documentation's"])
def serving(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    file, port = tmp_path / "browser.pem", free_port()
    file.write_bytes(pem(sign("first.example")))
    ours = request.param == "ours"
    command = [tls_server.__file__, str(file), "127.0.0.1", str(port)] if ours else ["-c", example(port), str(file)]
    process = subprocess.Popen([sys.executable, "-I", *command], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    for _ in range(100):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        time.sleep(0.05)
    yield process, port, file
    process.kill()
    process.communicate()


def connection(port: int) -> http.client.HTTPSConnection:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    made = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    made.connect()
    return made


def served(port: int) -> bytes:
    dialled = connection(port)
    der = dialled.sock.getpeercert(binary_form=True)
    dialled.close()
    return der


def test_sighup_loads_the_certificate_again_and_drops_no_connection(serving: tuple[subprocess.Popen[str], int, Path]) -> None:
    process, port, file = serving
    first, second, kept = served(port), sign("second.example"), connection(port)
    replace(file, b"nothing that loads")
    process.send_signal(signal.SIGHUP)
    assert "stays in use" in next(line for line in process.stderr if "loaded" in line)
    assert served(port) == first
    replace(file, pem(second))
    assert served(port) == first
    process.send_signal(signal.SIGHUP)
    expected, until = second.certificate.public_bytes(Encoding.DER), time.monotonic() + 5
    while served(port) != expected and time.monotonic() < until:
        time.sleep(0.02)
    assert served(port) == expected
    kept.request("GET", "/")
    with kept.getresponse() as answer:
        assert (answer.status, b"doctype" in answer.read().lower()) == (200, True)
    kept.close()
