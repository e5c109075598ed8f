"""Stores of the system beside the agent's own: filled at the start and whenever what they take has changed."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from agent.store import Installed
from agent.system import system_trust, windows_stores
from agent.system.folders import NotPossible
from pki.core.errors import PKIError

log = logging.getLogger("agent")
AGAIN_AFTER_S = 60


@dataclass(frozen=True)
class OtherStore:
    """`takes` changes whenever it must be filled again; `fill` may take its time and returns what it did, in words."""

    name: str
    takes: Callable[[Installed], object]
    fill: Callable[[Installed], str]


def _roots(installed: Installed) -> frozenset[str]:
    return frozenset(installed.revision[1])


def _system_trust(way: system_trust.Way, installed: Installed) -> str:
    came, went = system_trust.settle(way, installed.trust_zone, installed.roots)
    return f"{len(installed.roots)} of this trust zone, {came} new, {went} taken away"


def of_this_system(*, trust: bool) -> list[OtherStore]:
    """The other stores of this machine; `trust` asks for the system's roots on Linux. Raises: NotPossible."""
    found = []
    if trust:
        way = system_trust.way_here()
        found.append(OtherStore("roots that this system trusts", _roots, partial(_system_trust, way)))
    if sys.platform == "win32":
        found.append(
            OtherStore("Windows certificate stores", lambda installed: (installed.generation, _roots(installed)), windows_stores.fill)
        )
    return found


class Filler:
    """Fills one other store, one filling at a time; what failed is tried again after a minute."""

    def __init__(self, store: OtherStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.store, self.clock = store, clock
        self.filled: object = None
        self.again_at = 0.0
        self.running: asyncio.Task[None] | None = None

    def follow(self, installed: Installed | None) -> None:
        """Start a filling if one is due."""
        if self.running is not None and not self.running.done():
            return
        if installed is None:
            self.filled = None  # whoever removed the certificates took them out of here too
            return
        takes = self.store.takes(installed)
        if takes == self.filled or self.clock() < self.again_at:
            return
        self.running = asyncio.create_task(self._fill(installed, takes))

    async def _fill(self, installed: Installed, takes: object) -> None:
        try:
            told = await asyncio.to_thread(self.store.fill, installed)
        except (OSError, ValueError, PKIError, NotPossible) as exc:
            self.again_at = self.clock() + AGAIN_AFTER_S
            log.warning("%s: %s", self.store.name, exc)
            return
        self.filled = takes
        log.info("%s: %s", self.store.name, told)
