"""The addresses of a foreign host: resolved once, and checked. A connection goes to exactly the address that was checked."""

import socket
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings

from outbound.errors import OutboundFailed

NETWORKS = "QMC_OUTBOUND_NETWORKS"
THIS_NETWORK = ip_network("0.0.0.0/8")


def refusal(text: str, networks: Sequence[str]) -> str:
    """Why the console does not connect to this address, in a few words; "" if it does. `networks` are allowed although they are local or reserved."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in ip_network(network) for network in networks):
        return ""
    return _special_use(address)


def _special_use(address: IPv4Address | IPv6Address) -> str:
    if address.is_loopback:
        return "a loopback address of the central node"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified or address.is_reserved or address in THIS_NETWORK:
        return "a reserved address"
    return ""


def allowed_addresses(host: str, port: int, within_s: float) -> list[str]:
    """The addresses of `host` that the console connects to, in the order of the resolver. Raises: OutboundFailed if there are none."""
    found = _resolved(host, port, within_s)
    refused = {address: reason for address in found if (reason := refusal(address, settings.QMC_OUTBOUND_NETWORKS))}
    if len(refused) == len(found):
        address, reason = next(iter(refused.items()))
        place = address if address == host else f"{host} resolves to {address}. This"
        raise OutboundFailed(
            f"{place} is {reason}, and the console does not connect to it. Enter another host, or add the network of this address to {NETWORKS} "
            "and start the console and its workers again."
        )
    return [address for address in found if address not in refused]


def _resolved(host: str, port: int, within_s: float) -> list[str]:
    """Raises: OutboundFailed."""
    answers: list[list[str]] = []
    failures: list[Exception] = []

    def resolve() -> None:
        try:
            answers.append(list(dict.fromkeys(str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))))
        except (OSError, UnicodeError) as exc:
            failures.append(exc)

    # The resolver has no timeout of its own, so it works in a thread that is left alone when the time is over.
    thread = threading.Thread(target=resolve, name="resolve", daemon=True)
    thread.start()
    thread.join(within_s)
    if answers:
        return answers[0]
    if failures:
        raise OutboundFailed(f"The name {host} does not resolve. Check the name, and check DNS on the central node.") from failures[0]
    raise OutboundFailed(f"DNS did not answer for {host} within {within_s:.0f} s. Check DNS on the central node.")
