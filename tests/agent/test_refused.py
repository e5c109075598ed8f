"""A refused TLS client gets an alert and the acceptable authorities, never a bare close; and no session is resumed.

Listeners as they run: the agent's own 4242 and the node API's, each with the clients of OpenSSL, through `ssl` and `s_client`.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from uvicorn.server import ServerState

from agent import listeners, tls
from agent.store import Installed, Store
from pki.core.pair import Pair
from pki.core.roles import Kind
from pki.exchange.package import Package
from qmc import server
from sitekit.authority import Authority, make_authority
from sitekit.engines import free_port
from tests.pki.test_revocation import make

REQUEST = b"GET /status/servicestate HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
hosts = (f"127.{os.getpid() % 60 + 30}.252.{number}" for number in itertools.count(1))
Address = tuple[str, int]


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def agents(installed: Installed, address: Address) -> Callable[[], Awaitable[object]]:
    listener = listeners.Listener(listeners.node(lambda _: False), *address)
    await listener.start(tls.server_context(installed))
    return listener.stop


async def web(
    installed: Installed, address: Address, make_context: Callable[[Installed], ssl.SSLContext]
) -> Callable[[], Awaitable[object]]:
    config = uvicorn.Config(hello, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    listening = await asyncio.get_running_loop().create_server(
        lambda: server.PeerProtocol(config=config, server_state=state, app_state={}), *address, ssl=make_context(installed),
        ssl_handshake_timeout=server.HANDSHAKE_DEADLINE_S,
    )  # fmt: skip

    async def stop() -> None:
        listening.close()
        await asyncio.sleep(0.1)  # what was accepted ends

    return stop


def expired(authority: Authority, pair: Pair) -> Pair:
    good = x509.load_pem_x509_certificate(pair.certificate)
    builder = x509.CertificateBuilder(good.issuer, good.subject, good.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(authority.now - timedelta(minutes=50)).not_valid_after(authority.now - timedelta(minutes=1))
    for extension in good.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    certificate = builder.sign(authority.key, hashes.SHA384())  # type: ignore[arg-type]
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), pair.private_key)


@pytest.fixture(scope="module")
def clients(authority: Authority, pairs: dict[Kind, Pair]) -> dict[str, Pair]:
    """The certificates of refused clients, by the reason."""
    return {
        "service": pairs[Kind.SERVICE],
        "cluster": pairs[Kind.CLUSTER],
        "revoked": authority.pair(Kind.CLIENT),
        "another zone of the same name": make_authority().pair(Kind.CLIENT),
        "expired": expired(authority, pairs[Kind.CLIENT]),
    }


@pytest.fixture(scope="module")
def running(
    authority: Authority, package: Package, clients: dict[str, Pair], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Address]]:
    """The listeners, with a revocation list that has the client certificate of a third machine."""
    installed = Store(tmp_path_factory.mktemp("refused")).install(package, now=authority.now)
    revoked = x509.load_pem_x509_certificate(clients["revoked"].certificate)
    installed = dataclasses.replace(installed, crls=(make(authority, revoked.serial_number),))
    starts = {
        "agent": agents, "node API": partial(web, make_context=tls.node_api_context), "console": partial(web, make_context=tls.browser_context),
    }  # fmt: skip
    found = {name: (next(hosts), free_port()) for name in starts}
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait_for(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    stops = [wait_for(start(installed, found[name])) for name, start in starts.items()]
    yield found
    for stop in stops:
        wait_for(stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def client(folder: Path, pair: Pair | None, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if pair:
        path = folder / "client.pem"
        path.write_bytes(pair.private_key + pair.certificate)
        context.load_cert_chain(path)
    return context


def dial(context: ssl.SSLContext, address: Address, session: ssl.SSLSession | None = None) -> tuple[bytes, ssl.SSLSocket]:
    """The complete answer. A TLS 1.3 client gets the refusal at its first read."""
    with socket.create_connection(address, 10) as raw, context.wrap_socket(raw, session=session) as secure:
        secure.sendall(REQUEST)
        answer = b""
        while part := secure.recv(4096):
            answer += part
        return answer, secure


EACH = {
    ("none", V13): "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    ("none", V12): "SSLV3_ALERT_HANDSHAKE_FAILURE",
    **{(name, version): alert for version in (V12, V13) for name, alert in {
        "service": "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "cluster": "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "revoked": "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "another zone of the same name": "TLSV1_ALERT_DECRYPT_ERROR|TLSV1_ALERT_UNKNOWN_CA|SSLV3_ALERT_BAD_CERTIFICATE",
        "expired": "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    }.items()},
}  # fmt: skip
LISTENERS = pytest.mark.parametrize("listener", ["agent", "node API"])


@LISTENERS
@pytest.mark.parametrize(
    ("name", "version", "alert"), [(*case, alert) for case, alert in EACH.items()], ids=lambda value: getattr(value, "name", value)
)
def test_a_refused_client_gets_an_alert_that_says_why(
    running: dict[str, Address], clients: dict[str, Pair], tmp_path: Path, listener: str, name: str, version: ssl.TLSVersion, alert: str
) -> None:  # fmt: skip
    context = client(tmp_path, clients.get(name), version)
    if (listener, name) == ("node API", "revoked"):  # answered in words by the application, which knows it earlier
        assert dial(context, running[listener])[0].endswith(b"hello")
        return
    with pytest.raises(ssl.SSLError) as refused:
        dial(context, running[listener])
    assert re.fullmatch(alert, refused.value.reason or ""), refused.value


@LISTENERS
@pytest.mark.parametrize("version", [V12, V13], ids=lambda value: value.name)
def test_a_client_of_the_zone_is_served_and_no_session_is_resumed(
    running: dict[str, Address], pairs: dict[Kind, Pair], tmp_path: Path, listener: str, version: ssl.TLSVersion
) -> None:
    context = client(tmp_path, pairs[Kind.CLIENT], version)
    answer, first = dial(context, running[listener])
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert first.session is None or first.session.id == b""
    if first.session is not None:
        assert not dial(context, running[listener], first.session)[1].session_reused


@LISTENERS
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client_gets_the_acceptable_authorities_and_resumes_nothing(
    running: dict[str, Address], authority: Authority, listener: str, version: str
) -> None:
    host, port = running[listener]
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", version, "-ign_eof"]
    ended = subprocess.run(command, input=REQUEST, capture_output=True, check=False, timeout=20)
    output = (ended.stdout + ended.stderr).decode()
    assert "Acceptable client certificate CA names\nCN = central.example-CA\n" in output
    assert ("alert number 116" if version == "-tls1_3" else "alert number 40") in output
    assert "Reused, TLS" not in output


@LISTENERS
@pytest.mark.parametrize("suite", ["ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA", "AES256-GCM-SHA384", "AES128-SHA"])
def test_suites_of_tls_1_2_without_aead_or_forward_secrecy_are_refused_with_an_alert(
    running: dict[str, Address], pairs: dict[Kind, Pair], tmp_path: Path, listener: str, suite: str
) -> None:
    context = client(tmp_path, pairs[Kind.CLIENT], V12)
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError) as refused:
        dial(context, running[listener])
    assert refused.value.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"


@pytest.mark.parametrize("listener", ["agent", "node API", "console"])
def test_versions_before_tls_1_2_are_refused_with_an_alert(running: dict[str, Address], listener: str) -> None:
    host, port = running[listener]
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
    ended = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=20)
    assert b"alert number 70" in ended.stderr


@LISTENERS
def test_a_refused_client_that_continues_is_closed_at_the_handshake_deadline(
    running: dict[str, Address], tmp_path: Path, listener: str
) -> None:
    began = time.monotonic()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = client(tmp_path, None, V13).wrap_bio(incoming, outgoing)
    with socket.create_connection(running[listener], 10) as raw:
        while True:
            try:
                secure.do_handshake()
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65536))
            else:
                break
        raw.sendall(outgoing.read())
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 8:
                raw.sendall(b"\0" * 65536)
                time.sleep(0.01)
        assert time.monotonic() - began < 6


def test_without_the_library_only_tls_1_3_is_used_and_each_peer_is_checked(
    authority: Authority, package: Package, pairs: dict[Kind, Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.openssl._library", lambda: None)
    installed = Store(tmp_path / "home").install(package, now=authority.now)
    context = tls.server_context(installed)
    assert context.minimum_version == V13
    assert handshake(context, client(tmp_path, pairs[Kind.CLIENT], V13)) is None
    refused = handshake(context, client(tmp_path, pairs[Kind.CLUSTER], V13))
    assert "has the role None, but Client is required" in str(refused)


def handshake(context: ssl.SSLContext, peer: ssl.SSLContext) -> Exception | None:
    """The reason of the server, from a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one, other = context.wrap_bio(to_server, to_client, server_side=True), peer.wrap_bio(to_client, to_server)
    steps: list[Callable[[], None]] = [other.do_handshake, one.do_handshake]
    for _ in range(4):
        for step in steps:
            try:
                step()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as exc:
                return exc
    return None
