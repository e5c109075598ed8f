"""Certificate stores of the system: updated at the start of the agent and after each change of certificates or roots."""

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
class SystemStore:
    """A certificate store. It is filled again when the result of `takes` changes. `fill` may be slow; it returns a description of its changes."""

    name: str
    takes: Callable[[Installed], object]
    fill: Callable[[Installed], str]


def _roots(installed: Installed) -> frozenset[str]:
    return frozenset(installed.revision[1])


def _system_trust(store: system_trust.TrustStore, installed: Installed) -> str:
    added, removed = system_trust.settle(store, installed.trust_zone, installed.roots)
    return f"{len(installed.roots)} of this trust zone, {added} added, {removed} removed"


def system_stores(*, trust: bool) -> list[SystemStore]:
    """The certificate stores of this machine. `trust` includes the roots that a Linux system trusts. Raises: NotPossible."""
    found = []
    if trust:
        store = system_trust.this_trust_store()
        found.append(SystemStore("roots that this system trusts", _roots, partial(_system_trust, store)))
    if sys.platform == "win32":
        found.append(
            SystemStore("Windows certificate stores", lambda installed: (installed.generation, _roots(installed)), windows_stores.fill)
        )
    return found


class StoreUpdater:
    """Fills one store, one run at a time. A failed run is repeated after a minute."""

    def __init__(self, store: SystemStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.store, self.clock = store, clock
        self.filled: object = None
        self.again_at = 0.0
        self.running: asyncio.Task[None] | None = None

    def follow(self, installed: Installed | None) -> None:
        """Start a run if one is due."""
        if self.running is not None and not self.running.done():
            return
        if installed is None:
            self.filled = None  # `agent remove` has removed the certificates from this store too
            return
        takes = self.store.takes(installed)
        if takes == self.filled or self.clock() < self.again_at:
            return
        self.running = asyncio.create_task(self._fill(installed, takes))

    async def _fill(self, installed: Installed, takes: object) -> None:
        try:
            result = await asyncio.to_thread(self.store.fill, installed)
        except (OSError, ValueError, PKIError, NotPossible) as exc:
            self.again_at = self.clock() + AGAIN_AFTER_S
            log.warning("%s: %s", self.store.name, exc)
            return
        self.filled = takes
        log.info("%s: %s", self.store.name, result)
