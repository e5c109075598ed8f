"""The addresses of the central node that an agent knows, and their order. docs/develop/architecture.md, "Addresses and names"."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agent.store import Installed
from pki.core.addresses import NODE_API_PORT, CentralAddress, netloc, reachable_address
from pki.core.errors import InvalidName
from pki.exchange.report import MOST_CENTRAL


@dataclass(frozen=True)
class Place:
    """An address to call, and the host name that the certificate there must have."""

    host_name: str
    address: str
    port: int

    def __str__(self) -> str:
        return netloc(self.address, self.port)


@dataclass(frozen=True)
class CentralAddresses:
    """The central node's addresses in the agent's memory and in the installed package."""

    installed: Installed
    memory: dict[str, Any]

    @property
    def newest(self) -> list[CentralAddress]:
        """The addresses that the central node reported last: in an answer to a heartbeat since the installed package, or in that package."""
        answered = self.memory.get("central_told") or {}
        if answered.get("generation") == self.installed.generation:
            return read(answered["addresses"])
        return list(self.installed.central_addresses)

    def all(self) -> list[CentralAddress]:
        """All addresses that are stored, the newest first."""
        earlier = read((self.memory.get("central_told") or {}).get("addresses", ()))
        return list(dict.fromkeys([*self.newest, *earlier, *self.installed.central_addresses]))

    def after_set_central(self) -> list[CentralAddress]:
        """The addresses that the central node reported after `set-central`. Older agents did not store `before`; then there are none."""
        before = (self.memory.get("central") or {}).get("before")
        return [] if before is None else [address for address in self.all() if netloc(address.address, address.port) not in before]

    @property
    def host_name(self) -> str:
        """The central node's host name: the one given to `set-central`, unless a newer package is installed."""
        given = self.memory.get("central") or {}
        newer = self.installed.generation > given.get("generation", self.installed.generation)
        return self.installed.central_host_name if newer else given.get("host_name") or self.installed.central_host_name

    @property
    def port(self) -> int:
        """The port for calls to the host name."""
        return next((address.port for address in self.all()), NODE_API_PORT)

    def order(self, resolved: Iterable[str]) -> list[Place]:
        """Every place to call, in this order; `resolved` are the addresses of the host name."""
        given, name = self.memory.get("central"), self.host_name
        places = [Place(name, address.address, address.port) for address in self.after_set_central()]
        if given:
            places.append(Place(given["host_name"] or self.installed.central_host_name, given["address"], given["port"]))
        places += [Place(name, address, self.port) for address in resolved]
        places += [Place(name, stored.address, stored.port) for stored in self.all()]
        return list(dict.fromkeys(places))

    def newest_addresses(self) -> list[str]:
        """The newest addresses as text, for a report."""
        return [netloc(address.address, address.port) for address in self.newest][:MOST_CENTRAL]

    @property
    def called(self) -> str:
        """The address where the central node answered last, "" if it never did."""
        return str(self.memory.get("central_called", ""))

    def replaces_set_central(self, place: Place) -> bool:
        """Whether an answer from `place` means that `set-central` is not needed any more."""
        return CentralAddress(place.address, place.port) in self.after_set_central()


def read(texts: Iterable[object]) -> list[CentralAddress]:
    """The valid addresses among `texts`."""
    found = []
    for text in texts:
        with contextlib.suppress(InvalidName):
            found.append(reachable_address(str(text)))
    return found[:MOST_CENTRAL]
