"""A stream is delivered when the other side has taken all of it. Every other end is a failure."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from outbound.errors import OutboundFailed
from outbound.streams import deliver
from pki.core.pair import Pair
from pki.core.roles import Kind
from sitekit.authority import Authority, make_authority
from tests.receivers import LOOPBACK
from tests.syslog_receivers import Ending, tls_receiver

LONG = b"x" * 4_000_000  # more than the buffers between both sides hold


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.pair(Kind.SERVER, names=("localhost",))


def pem(authority: Authority) -> str:
    return authority.certificate.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("content", [b"", b"short", LONG], ids=["nothing", "short", "long"])
def test_everything_arrives_on_one_connection(content: bytes, authority: Authority, pair: Pair) -> None:
    with tls_receiver(pair) as receiver:
        deliver("localhost", receiver.port, content, authorities=pem(authority))
        assert (receiver.connections, receiver.handshakes) == ([content] if content else [], 1)


def test_a_receiver_that_only_closes_is_asked_whether_it_lives(authority: Authority, pair: Pair) -> None:
    with tls_receiver(pair, Ending.RAGGED) as receiver:
        deliver("localhost", receiver.port, LONG, authorities=pem(authority))
        assert (receiver.connections, receiver.handshakes) == ([LONG], 2)


ENDS = {
    Ending.GONE: "Connection refused",  # as a receiver that was killed
    Ending.RESET: "failed|closed",
    Ending.NEVER: "did not take everything and close the connection within 2 s",
}


@pytest.mark.parametrize(("ending", "text"), ENDS.items())
def test_every_other_end_is_a_failure(ending: Ending, text: str, authority: Authority, pair: Pair) -> None:
    with tls_receiver(pair, ending) as receiver, pytest.raises(OutboundFailed, match=text):
        deliver("localhost", receiver.port, LONG, authorities=pem(authority), within_s=2.0)


def test_a_certificate_that_is_not_trusted_gets_nothing(authority: Authority, pair: Pair) -> None:
    with tls_receiver(pair) as receiver:
        for host, authorities, text in (
            ("localhost", pem(make_authority()), "certificate of localhost:.* is refused"),
            ("127.0.0.1", pem(authority), "is refused: IP address mismatch"),
        ):
            with pytest.raises(OutboundFailed, match=text):
                deliver(host, receiver.port, b"secret", authorities=authorities)
        assert receiver.connections == []


def test_special_addresses_are_not_connected_to(settings: Any) -> None:
    settings.QMC_OUTBOUND_NETWORKS = ()
    with pytest.raises(OutboundFailed, match="a loopback address"):
        deliver("127.0.0.1", 6514, b"x")
