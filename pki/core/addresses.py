"""Addresses of listeners: IPv4, IPv6 (in brackets before a port), host names. Input is checked and never corrected."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pki.core import names
from pki.core.errors import InvalidName

NODE_API_PORT = 4242
LONGEST_HOST = 253
NUMBER = re.compile("[0-9]+|0[xX][0-9A-Fa-f]*")
EXAMPLES = "Give ADDRESS:PORT, such as 10.4.2.1:4242, [fd00::1]:4242 or central.example:4242."


@dataclass(frozen=True)
class CentralAddress:
    """An address of the central node's node API, by default on port 4242."""

    address: str
    port: int


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def bare(text: str) -> str:
    """`text` without the brackets of an IPv6 address."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def url_host(address: str) -> str:
    """The address in the form of a URL: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def netloc(address: str, port: int) -> str:
    """Address and port in the form of a URL."""
    return f"{url_host(address)}:{port}"


def client_address(host: str) -> str:
    """The address of a client in its usual form: an IPv4 address on an IPv6 socket as IPv4, and no name of an interface. "" if `host` is none."""
    parsed = _ip(host.partition("%")[0])
    return str(getattr(parsed, "ipv4_mapped", None) or parsed or "")


def in_networks(address: str, networks: Iterable[str]) -> bool:
    """Whether one of these networks has the address; an IPv4 address on an IPv6 socket counts as IPv4. Not for a name."""
    parsed = _ip(client_address(address))
    return parsed is not None and any(parsed in ipaddress.ip_network(network) for network in networks)


def is_wildcard(address: str) -> bool:
    """Whether it means all addresses of a machine."""
    parsed = _ip(address)
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return mapped is not None and mapped.is_unspecified


def is_loopback(address: str) -> bool:
    """Whether it is a loopback address, or localhost."""
    parsed = _ip(address)
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return mapped.is_loopback if mapped is not None else address.lower().rstrip(".") == "localhost"


def refuse_interface(text: str) -> None:
    """Raises: InvalidName where `text` names an interface, such as fe80::1%eth0 (RFC 4007, section 11)."""
    if "%" in text:
        raise InvalidName(f"{text[:80]} names an interface of one machine, which other machines do not have. Leave out % and what follows.")


def listener_address(text: str) -> str:
    """`text`, an IP address or a name, without the brackets of an IPv6 address. Raises: InvalidName, saying what to do."""
    refuse_interface(text)
    address = bare(text)
    parsed = _ip(address)
    return str(parsed) if parsed is not None else names.host_name(address, limit=LONGEST_HOST)


def loopback_for(address: str) -> str:
    """The address at which a listener on `address` can be called from its own machine."""
    if not is_wildcard(address):
        return address
    return "::1" if ":" in address else "127.0.0.1"


def _split(text: str, default_port: int) -> tuple[str, str]:
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or not isinstance(_ip(address), ipaddress.IPv6Address):
            raise InvalidName(f"{text[:80]} has brackets, but no IPv6 address in them. {EXAMPLES}")
        return address, rest[1:] if rest else str(default_port)
    if text.count(":") > 1:
        raise InvalidName(f"An IPv6 address is written in brackets, and {text[:80]} has none. {EXAMPLES}")
    address, colon, port = text.partition(":")
    return address, port if colon else str(default_port)


def central_address(text: str, *, default_port: int = NODE_API_PORT) -> CentralAddress:
    """The address in `ADDRESS:PORT`, for calls between machines. Raises: InvalidName, saying what to do."""
    address, port = _split(text, default_port)
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise InvalidName(f"{text[:80]} has no port from 1 to 65535. {EXAMPLES}")
    refuse_interface(address)
    parsed = _ip(address)
    if parsed is None:
        if NUMBER.fullmatch(address.rpartition(".")[2]):
            raise InvalidName(f"{text[:80]} ends in a number, so programs read it as an IPv4 address of another form. {EXAMPLES}")
        return CentralAddress(names.host_name(address, limit=LONGEST_HOST), int(port))
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.is_link_local:
        raise InvalidName(f"{text[:80]} is a link-local address, which needs the interface of the calling machine. Give another address.")
    if parsed.is_multicast or str(parsed) == "255.255.255.255":
        raise InvalidName(f"{text[:80]} is not the address of one machine. {EXAMPLES}")
    return CentralAddress(str(parsed), int(port))


def reachable_address(text: str) -> CentralAddress:
    """The address in `ADDRESS:PORT`, if nodes can call it. Raises: InvalidName, saying what to do."""
    found = central_address(text)
    if is_wildcard(found.address):
        raise InvalidName(
            f"{text[:80]} means all addresses of a machine: a node that calls it calls itself. Give an address or a name at which nodes "
            "reach the central node."
        )
    return found
