"""Which addresses of the central node an agent knows, and in which order it calls them. docs/develop/architecture.md, "Addresses and names"."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agent.store import Installed
from pki.core.addresses import NODE_API_PORT, CentralAddress, netloc, told_address
from pki.core.errors import InvalidName
from pki.exchange.report import MOST_CENTRAL


@dataclass(frozen=True)
class Place:
    """Where to call, and which name the certificate there must bear."""

    host_name: str
    address: str
    port: int

    def __str__(self) -> str:
        return netloc(self.address, self.port)


@dataclass(frozen=True)
class Known:
    """What the agent's memory and the package in force say of the central node's addresses."""

    installed: Installed
    memory: dict[str, Any]

    @property
    def newest(self) -> list[CentralAddress]:
        """What the central node said last: in an answer to a heartbeat since the package in force, or in that package."""
        answered = self.memory.get("central_told") or {}
        if answered.get("generation") == self.installed.generation:
            return read(answered["addresses"])
        return list(self.installed.central_addresses)

    def all(self) -> list[CentralAddress]:
        """All that was ever said and is still kept, the newest first."""
        earlier = read((self.memory.get("central_told") or {}).get("addresses", ()))
        return list(dict.fromkeys([*self.newest, *earlier, *self.installed.central_addresses]))

    def after_set_central(self) -> list[CentralAddress]:
        """What was said after `set-central`; nothing where an older agent did not keep what it knew then."""
        before = (self.memory.get("central") or {}).get("before")
        return [] if before is None else [each for each in self.all() if netloc(each.address, each.port) not in before]

    @property
    def host_name(self) -> str:
        """The central node's: what `set-central` says, unless a newer package is in force."""
        said = self.memory.get("central") or {}
        newer = self.installed.generation > said.get("generation", self.installed.generation)
        return self.installed.central_host_name if newer else said.get("host_name") or self.installed.central_host_name

    @property
    def port(self) -> int:
        """Where the host name is called."""
        return next((each.port for each in self.all()), NODE_API_PORT)

    def order(self, resolved: Iterable[str]) -> list[Place]:
        """Every place to call, in this order; `resolved` are the addresses of the host name."""
        said, name = self.memory.get("central"), self.host_name
        places = [Place(name, each.address, each.port) for each in self.after_set_central()]
        if said:
            places.append(Place(said["host_name"] or self.installed.central_host_name, said["address"], said["port"]))
        places += [Place(name, each, self.port) for each in resolved]
        places += [Place(name, each.address, each.port) for each in self.all()]
        return list(dict.fromkeys(places))

    def newest_texts(self) -> list[str]:
        """For a report."""
        return [netloc(each.address, each.port) for each in self.newest][:MOST_CENTRAL]

    @property
    def called(self) -> str:
        """Where the central node answered last, "" if it never did."""
        return str(self.memory.get("central_called", ""))

    def replaces_set_central(self, place: Place) -> bool:
        """Whether a call there shows that `set-central` is not needed any more."""
        return CentralAddress(place.address, place.port) in self.after_set_central()


def read(texts: Iterable[object]) -> list[CentralAddress]:
    """The addresses among `texts`; what is none is left out."""
    found = []
    for each in texts:
        with contextlib.suppress(InvalidName):
            found.append(told_address(str(each)))
    return found[:MOST_CENTRAL]
