"""Which addresses the console connects to: no local and no reserved one, in whichever form it is written."""

import socket
import time
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbound.addresses import allowed_addresses, refusal
from outbound.errors import OutboundFailed

REFUSED = {
    "127.0.0.1": "loopback", "127.255.255.254": "loopback", "::1": "loopback", "::ffff:127.0.0.1": "loopback",
    "169.254.169.254": "link-local", "fe80::1": "link-local", "fe80::1%eth0": "link-local", "::ffff:169.254.169.254": "link-local",
    "224.0.0.1": "multicast", "ff02::1": "multicast",
    "0.0.0.0": "reserved", "0.1.2.3": "reserved", "::": "reserved", "255.255.255.255": "reserved", "240.0.0.1": "reserved",
    "::127.0.0.1": "reserved", "::ffff:0.0.0.0": "reserved",
}  # fmt: skip
ALLOWED = ("10.0.0.5", "172.16.0.1", "192.168.1.1", "100.64.0.1", "93.184.216.34", "fd00::1", "2001:4860:4860::8888", "::ffff:10.0.0.5")
SPECIAL = [ip_network(text) for text in ("127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "0.0.0.0/8", "240.0.0.0/4")]


@pytest.mark.parametrize(("address", "kind"), REFUSED.items())
def test_local_and_reserved_addresses_are_refused(address: str, kind: str) -> None:
    assert kind in refusal(address, ())


@pytest.mark.parametrize("address", ALLOWED)
def test_other_addresses_are_allowed(address: str) -> None:
    assert refusal(address, ()) == ""


@given(st.ip_addresses(v=4) | st.sampled_from(SPECIAL).flatmap(lambda network: st.ip_addresses(network=network)))
def test_an_ipv4_address_is_judged_alike_alone_and_inside_ipv6(address: IPv4Address) -> None:
    is_special = any(address in network for network in SPECIAL)
    for text in (str(address), f"::ffff:{address}", ip_address(f"::ffff:{address}").exploded):
        assert bool(refusal(text, ())) is is_special
        assert refusal(text, (f"{address}/32",)) == ""


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_of_special_use_is_allowed(address: Any) -> None:
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        assert refusal(str(address), ("10.0.0.0/8", "fd00::/8")) != ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "::1", "::ffff:7f00:1", "0"])
def test_no_way_to_write_loopback_is_allowed(host: str) -> None:
    with pytest.raises(OutboundFailed, match=r"is a (loopback|reserved) address.*QMC_OUTBOUND_NETWORKS") as refused:
        allowed_addresses(host, 80, 5)
    assert refused.value.may_have_arrived is False


def test_networks_of_the_installation_are_allowed(settings: Any) -> None:
    settings.QMC_OUTBOUND_NETWORKS = ("127.0.0.0/8",)
    assert allowed_addresses("127.0.0.1", 80, 5) == ["127.0.0.1"]


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: rows)


def test_of_several_addresses_only_the_allowed_ones_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, "169.254.169.254", "10.0.0.5", "127.0.0.1", "10.0.0.5")
    assert allowed_addresses("hooks.example", 80, 5) == ["10.0.0.5"]


@pytest.mark.parametrize("host", ["no-such-name.invalid", "a" * 70 + ".example", "..", "a..example"])
def test_a_name_that_does_not_resolve_is_named(host: str) -> None:
    with pytest.raises(OutboundFailed, match=r"does not resolve. Check the name"):
        allowed_addresses(host, 80, 20)


def test_a_resolver_that_hangs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*args: Any, **kwargs: Any) -> Any:
        time.sleep(3)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begun = time.monotonic()
    with pytest.raises(OutboundFailed, match=r"DNS did not answer for hooks.example"):
        allowed_addresses("hooks.example", 80, 0.2)
    assert time.monotonic() - begun < 2
