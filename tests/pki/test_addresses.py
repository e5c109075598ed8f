"""Addresses for calls between machines, as people write them."""

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.core import addresses
from pki.core.addresses import CentralAddress
from pki.core.errors import InvalidName

TAKEN = {
    "10.4.2.1": ("10.4.2.1", 4242),
    "10.4.2.1:5342": ("10.4.2.1", 5342),
    "[::1]": ("::1", 4242),
    "[fd00:0::1]:65535": ("fd00::1", 65535),
    "central.example": ("central.example", 4242),
    "central.example:1": ("central.example", 1),
    "Central": ("Central", 4242),
}
REFUSED = {
    "": "empty",
    ":4242": "empty",
    "10.4.2.1:": "no port",
    "10.4.2.1:0": "no port",
    "10.4.2.1:65536": "no port",
    "10.4.2.1:4e2": "no port",
    "10.4.2.1:\u0664\u0662": "no port",
    "10.4.2.1:+42": "no port",
    "::1": "in brackets",
    "fd00::1:4242": "in brackets",
    "[::1": "no IPv6 address",
    "[::1]4242": "no IPv6 address",
    "[10.4.2.1]:4242": "no IPv6 address",
    "[fe80::1%eth0]:4242": "interface",
    "0.0.0.0:4242": "all addresses",
    "[::]:4242": "all addresses",
    "[::ffff:0.0.0.0]:4242": "all addresses",
    "224.0.0.1:4242": "not the address of one machine",
    "[ff02::1]:4242": "not the address of one machine",
    "255.255.255.255:4242": "not the address of one machine",
    "https://central.example": "no port",
    "central.example/api": "not allowed",
    " central.example": "space",
    "central_1.example": "underscore",
    "10.4.2": "number",
    "0": "number",
    "0x0": "number",
    "127.0x1:4242": "number",
    "[fe80::1]:4242": "link-local",
    "a" * 254: "characters",
}


@pytest.mark.parametrize("text", TAKEN)
def test_addresses_that_nodes_can_call_are_accepted(text: str) -> None:
    found = addresses.reachable_address(text)
    assert (found.address, found.port) == TAKEN[text]
    assert addresses.reachable_address(addresses.netloc(found.address, found.port)) == found


@pytest.mark.parametrize("text", REFUSED)
def test_addresses_that_nodes_cannot_call_are_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InvalidName, match=REFUSED[text]):
        addresses.reachable_address(text)


@given(st.ip_addresses(), st.integers(1, 65535))
def test_each_address_is_read_as_it_is_written(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    try:
        assert addresses.central_address(addresses.netloc(str(address), port)) == CentralAddress(str(address), port)
    except InvalidName:
        assert address.is_multicast or address.is_link_local or str(address) == "255.255.255.255" or "%" in str(address)


@given(st.text(max_size=40))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidName):
        found = addresses.reachable_address(text)
        assert not addresses.is_wildcard(found.address)
        assert 1 <= found.port <= 65535


@pytest.mark.parametrize(
    ("address", "wildcard", "loopback", "own"),
    [
        ("0.0.0.0", True, False, "127.0.0.1"),
        ("::", True, False, "::1"),
        ("127.9.9.9", False, True, "127.9.9.9"),
        ("::1", False, True, "::1"),
        ("::ffff:127.0.0.1", False, True, "::ffff:127.0.0.1"),
        ("localhost", False, True, "localhost"),
        ("LOCALHOST.", False, True, "LOCALHOST."),
        ("10.4.2.1", False, False, "10.4.2.1"),
        ("central.example", False, False, "central.example"),
    ],
)
def test_wildcard_and_loopback_addresses(address: str, wildcard: bool, loopback: bool, own: str) -> None:
    assert (addresses.is_wildcard(address), addresses.is_loopback(address), addresses.loopback_for(address)) == (wildcard, loopback, own)


CLIENTS = {
    "10.0.0.5": "10.0.0.5",
    "::ffff:10.0.0.5": "10.0.0.5",
    "fe80::1%eth0": "fe80::1",
    "2001:DB8::7": "2001:db8::7",
    "": "",
    "unix:": "",
    "x": "",
}


@pytest.mark.parametrize(("host", "address"), CLIENTS.items())
def test_the_address_of_a_client_has_one_form(host: str, address: str) -> None:
    assert addresses.client_address(host) == address


LISTENERS = {
    "127.0.0.2": "127.0.0.2",
    "::1": "::1",
    "[fd00:0::1]": "fd00::1",
    "0.0.0.0": "0.0.0.0",
    "::": "::",
    "rim1.example": "rim1.example",
}


@pytest.mark.parametrize(("typed", "address"), LISTENERS.items())
def test_a_listener_accepts_addresses_and_names(typed: str, address: str) -> None:
    assert addresses.listener_address(typed) == address


@pytest.mark.parametrize(
    "typed", ["fe80::1%eth0", "[fe80::1%25eth0]", "::1%", "127.0.0.1%lo", "rim1.example%1", "", "rim1:4444", "a b", "[rim1.example"]
)
def test_a_listener_refuses_interfaces_ports_and_invalid_names(typed: str) -> None:
    with pytest.raises(InvalidName):
        addresses.listener_address(typed)
