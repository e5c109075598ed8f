"""The server that stands for a proxy in other tests really loads its certificate again, and drops nobody for it."""

import http.client
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.store import replace
from pki import keys
from tests.public_authority import Signed, sign
from tests.site import tls_server


def pem(leaf: Signed) -> bytes:
    return keys.to_pem(leaf.key) + leaf.pem


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    file = tmp_path / "browser.pem"
    file.write_bytes(pem(sign("first.example")))
    command = [sys.executable, "-I", tls_server.__file__, str(file), "127.0.0.1", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process, int(process.stdout.readline()), file
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


def test_sighup_loads_again_and_drops_nobody(serving: tuple[subprocess.Popen[str], int, Path]) -> None:
    process, port, file = serving
    first, second, kept = served(port), sign("second.example"), connection(port)
    replace(file, b"nothing that loads")
    process.send_signal(signal.SIGHUP)
    assert "what was loaded goes on" in process.stderr.readline()
    assert served(port) == first
    replace(file, pem(second))
    assert served(port) == first
    process.send_signal(signal.SIGHUP)
    wanted, until = second.certificate.public_bytes(Encoding.DER), time.monotonic() + 5
    while served(port) != wanted and time.monotonic() < until:
        time.sleep(0.02)
    assert served(port) == wanted
    kept.request("GET", "/")
    answer = kept.getresponse()
    assert (answer.status, b"It works." in answer.read()) == (200, True)
    kept.close()
