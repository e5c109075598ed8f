"""Requests to foreign hosts: to the checked address only, verified, without redirects, and with an end."""

import socket
import ssl
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from outbound import http
from outbound.connections import connect_guarded, deadline, tls_context
from outbound.errors import OutboundFailed
from pki.core.roles import Kind
from sitekit.authority import Authority, make_authority
from tests import receivers
from tests.receivers import LOOPBACK, http_receiver, server_context, status


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK


@pytest.fixture(scope="module")
def tls(authority: Authority) -> ssl.SSLContext:
    return server_context(authority.pair(Kind.SERVICE, names=("localhost",)))


@pytest.fixture
def total(monkeypatch: pytest.MonkeyPatch) -> float:
    """A request has 2 s instead of 10."""
    monkeypatch.setattr(http, "TOTAL_S", 2.0)
    return 2.0


def pem(authority: Authority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


def test_a_request_arrives_with_its_name_and_its_body() -> None:
    with http_receiver(status(200, body=b"thanks")) as receiver:
        answer = http.send("POST", receiver.url, {"X-Kind": "test"}, b"content")
    (request,) = receiver.received
    assert (answer.status, answer.body) == (200, b"thanks")
    assert (request.path, request.body, request.headers["X-Kind"]) == ("/hook?token=1", b"content", "test")
    assert request.headers["Host"] == f"localhost:{receiver.port}"


def test_tls_is_verified_with_further_authorities(authority: Authority, tls: ssl.SSLContext) -> None:
    with http_receiver(context=tls) as receiver:
        assert http.send("POST", receiver.url, {}, b"x", authorities=pem(authority)).status == 204
        for authorities in ("", pem(make_authority())):
            with pytest.raises(OutboundFailed, match=r"certificate of localhost:\d+ is refused: .*CA") as refused:
                http.send("POST", receiver.url, {}, b"x", authorities=authorities)
            assert refused.value.may_have_arrived is False
        with pytest.raises(OutboundFailed, match=r"certificate of 127.0.0.1.* is refused: IP address mismatch"):
            http.send("POST", receiver.url.replace("localhost", "127.0.0.1"), {}, b"x", authorities=pem(authority))
    assert len(receiver.received) == 1


def test_tls_to_a_port_without_tls_is_named() -> None:
    with http_receiver() as receiver, pytest.raises(OutboundFailed, match=r"TLS handshake with localhost:\d+ failed") as refused:
        http.send("POST", receiver.url.replace("http:", "https:"), {}, b"x")
    assert refused.value.may_have_arrived is False


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error_and_nothing_follows_it(code: int) -> None:
    with http_receiver(status(code, Location="/elsewhere")) as receiver:
        with pytest.raises(OutboundFailed, match=f"redirects to another address .HTTP {code}.*Enter the final URL") as refused:
            http.send("POST", receiver.url, {}, b"x")
        assert (refused.value.may_have_arrived, len(receiver.received)) == (False, 1)
    assert "token" not in str(refused.value)


def test_only_64_kib_of_an_answer_are_read() -> None:
    with http_receiver(status(200, body=b"x" * 10_000_000)) as receiver:
        assert len(http.send("POST", receiver.url, {}, b"x").body) == 65536


@pytest.mark.parametrize("respond", [receivers.hang, receivers.drip], ids=["hangs", "drips"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_slow_answer_ends_in_time_and_may_have_arrived(respond: Any, secure: bool, total: float, authority: Authority, tls: Any) -> None:
    begun = time.monotonic()
    with http_receiver(respond, tls if secure else None) as receiver:
        with pytest.raises(OutboundFailed, match=r"No answer from localhost:\d+ in time") as failed:
            http.send("POST", receiver.url, {}, b"x", authorities=pem(authority))
        assert time.monotonic() - begun < total + 2
    assert (failed.value.may_have_arrived, len(receiver.received)) == (True, 1)


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_an_answer_with_a_slow_body_is_an_answer(secure: bool, total: float, authority: Authority, tls: Any) -> None:
    begun = time.monotonic()
    with http_receiver(receivers.accept_and_drip, tls if secure else None) as receiver:
        answer = http.send("POST", receiver.url, {}, b"x", authorities=pem(authority))
    assert (answer.status, set(answer.body)) == (200, set(b"x"))
    assert time.monotonic() - begun < total + 2


def test_a_port_that_does_not_speak_tls_at_all_ends_in_time(total: float) -> None:
    begun = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(OutboundFailed, match="No answer from localhost") as failed:
        http.send("POST", f"https://localhost:{silent.getsockname()[1]}/", {}, b"x")
    assert failed.value.may_have_arrived is False
    assert time.monotonic() - begun < total + 2


def test_a_refused_connection_has_not_arrived() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(OutboundFailed, match=f"Connection refused at localhost:{port}. Check the port") as failed:
        http.send("POST", f"http://localhost:{port}/", {}, b"x")
    assert failed.value.may_have_arrived is False


def test_a_name_that_resolves_differently_the_second_time_changes_nothing(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The first answer of DNS is checked, and the connection goes there."""
    settings.QMC_OUTBOUND_NETWORKS = ("127.0.0.2/32",)
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def answer(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host != "rebinding.example":
            return resolve(host, port, *args, **kwargs)
        asked.append(host)
        return resolve("127.0.0.2" if len(asked) == 1 else "127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with http_receiver() as receiver:
        with pytest.raises(OutboundFailed, match=r"Connection refused at rebinding.example"):  # nothing listens on 127.0.0.2
            http.send("POST", f"http://rebinding.example:{receiver.port}/", {}, b"x")
        assert (asked, receiver.received) == (["rebinding.example"], [])
        with pytest.raises(OutboundFailed, match=r"rebinding.example resolves to 127.0.0.1. This is a loopback address"):
            http.send("POST", f"http://rebinding.example:{receiver.port}/", {}, b"x")
        assert receiver.received == []


def test_further_addresses_of_a_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_receiver() as receiver:
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, receiver.port)) for address in ("127.0.0.2", "127.0.0.1")]
        resolve = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *args, **kwargs: rows if host == "two.example" else resolve(host, *args, **kwargs)
        )
        with connect_guarded("two.example", receiver.port) as connection:
            assert connection.getpeername() == ("127.0.0.1", receiver.port)


URLS = {
    "ftp://hooks.example/": "https://HOST/PATH", "file:///etc/passwd": "https://HOST/PATH", "hooks.example/x": "https://HOST/PATH",
    "https://": "https://HOST/PATH", "https:///x": "https://HOST/PATH", "https://ann:secret@hooks.example/": "Remove the user name",
    "https://hooks.example:0/": "https://HOST/PATH", "https://hooks.example:x/": "invalid", "https://[::1/": "invalid",
    "https://hooks.example/a b": "no spaces", "https://hooks.example/\r\nX: 1": "no spaces", "https://bücher.example/": "ASCII",
    "https://a_b.example%0d/": "https://HOST/PATH", "https://hooks.example/" + "x" * 2000: "at most 2000",
}  # fmt: skip


@pytest.mark.parametrize(("url", "words"), URLS.items(), ids=range(len(URLS)))
def test_an_unusable_url_is_refused_with_a_remedy(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        http.send("POST", url, {})
    assert "secret" not in str(refused.value)


def test_a_text_without_certificates_is_refused() -> None:
    for text in ("x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(ValueError, match="PEM"):
            tls_context(text)


def test_a_deadline_leaves_a_finished_connection_alone() -> None:
    one, other = socket.socketpair()
    with one, other:
        with deadline(one, 0.1) as is_over:
            one.sendall(b"x")
        time.sleep(0.2)
        assert (is_over.is_set(), other.recv(1)) == (False, b"x")
        other.sendall(b"y")
        assert one.recv(1) == b"y"
