"""The running agent: opens and closes listeners, sends heartbeats, and applies what commands on a terminal change."""

import asyncio
import contextlib
import errno
import logging
import random
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent import files, listeners, setup, tls
from agent.central import CertificateRefused
from agent.damage import StoreDamaged
from agent.early_calls import EarlyCalls
from agent.heartbeat import Caller, Service
from agent.hook import Hook
from agent.passwords import Passwords
from agent.state import RUNNING, State
from agent.system.certificate_stores import StoreUpdater, SystemStore
from pki.core.addresses import CentralAddress, is_loopback, netloc
from pki.core.errors import PKIError

log = logging.getLogger("agent")
RETRY_S, LONGEST_RETRY_S = 5, 300
RETRY_SHARE = 1 / 12  # of the interval
USUAL_S = 60  # the interval until the central node has answered
OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def retry_after(failed: int, interval_s: float, *, is_refused: bool = False) -> float:
    """Seconds until a call is repeated that has failed this many times, at most the interval. Random, because many nodes may have failed at the same
    time. A long interval means many nodes, so they wait longer from the first time. A refused node needs a person, whatever the interval."""
    first_s, longest_s = (RETRY_S, LONGEST_RETRY_S) if is_refused else (max(RETRY_S, interval_s * RETRY_SHARE), interval_s)
    return min(first_s * (1 << min(failed - 1, 10)), longest_s) * random.uniform(0.5, 1.0)  # noqa: S311


def failure_text(failure: Exception) -> str:
    """Why a heartbeat failed and, for errors of this machine's disk, what to do."""
    if isinstance(failure, StoreDamaged):
        return str(failure)
    if isinstance(failure, OSError) and failure.errno in OF_THE_DISK:
        return f"this node's own files cannot be read or written: {failure}. Free space on this disk, or correct the permissions of the agent's home. The agent tries again."
    return f"central node not reached: {failure}"


class NotLoopback(Exception):
    """An address for the setup page is not a loopback address."""


@dataclass(frozen=True)
class Options:
    """The arguments of `serve`."""

    home: Path
    address: str
    distribution_port: int
    setup_addresses: tuple[str, ...]
    setup_port: int
    node_port: int
    listen: bool
    services: tuple[Service, ...] = ()
    reload_hook: tuple[str, ...] = ()
    system_stores: tuple[SystemStore, ...] = ()
    central_address: CentralAddress | None = None


class Agent:
    """The agent of one node. Twice a second it compares its listeners with the state on the disk."""

    def __init__(self, options: Options) -> None:
        for address in options.setup_addresses:
            if not is_loopback(address):
                raise NotLoopback(f"--setup-address {address} is not a loopback address. The password page is served on this machine only.")
        self.options, self.state = options, State(options.home, central_address=options.central_address)
        self.wake, self.ended = asyncio.Event(), asyncio.Event()
        self.taking: listeners.Listener | None = None  # receives packages
        self.pages: list[listeners.Listener] = []  # the setup pages
        self.node: listeners.Listener | None = None
        self.caller = Caller(self.state, options.address, options.node_port, listening=options.listen, services=options.services)
        self.early_calls = EarlyCalls(self.wake.set)
        self.hook = Hook(self.state, options.reload_hook, self.wake.set)
        self.store_updaters = [StoreUpdater(store) for store in options.system_stores]
        self.passwords = Passwords(self.state)
        self.following, self.reloading, self.problem = asyncio.Lock(), False, ""

    @property
    def setup_url(self) -> str:
        host = "localhost" if "127.0.0.1" in self.options.setup_addresses else self.options.setup_addresses[0]
        return f"http://{netloc(host.strip('[]'), self.options.setup_port)}/certificateSetup"

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT. Raises: InUse while another agent uses this home, OSError."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows stops a service in another way
                asyncio.get_running_loop().add_signal_handler(number, self.ended.set)
        with contextlib.suppress(NotImplementedError, AttributeError):  # Windows does not have this signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
        with files.exclusive_lock(self.options.home / RUNNING, now=datetime.now(UTC)):
            await self._run()

    def reload(self) -> None:
        """SIGHUP: load the files again, run the hook again if it failed, and call home now."""
        log.info("SIGHUP: loading certificates, roots and revocation lists again")
        self.reloading = True
        self.hook.look_again()
        self.wake.set()

    def call_now(self, sha256: str) -> bool:
        """A client asks for a call. Returns whether its certificate, with this fingerprint, is one that may."""
        if sha256 not in self.caller.nudged_by:
            return False
        self.early_calls.request()
        return True

    async def _run(self) -> None:
        files.close_to_others(self.state.own_folder)
        await self.follow(first=True)
        calling = asyncio.create_task(self.send_heartbeats())
        while not self.ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), 0.5)
            await self.follow()
        calling.cancel()
        self.wake.set()
        await self.caller.central.close()
        for listener in [*self.pages, *filter(None, (self.taking, self.node))]:
            await listener.stop()

    async def follow(self, *, first: bool = False) -> None:
        """Open and close listeners to match the state on the disk. Failures are logged and tried again.

        Raises: OSError in the `first` call if another program has a port: a person must decide then.
        """
        async with self.following:
            try:
                if self.options.listen:
                    await self._follow()
                in_force = self.caller.loaded or self.state.store.current()
                for updater in self.store_updaters:
                    updater.follow(in_force)
                if self.hook.command:
                    self.hook.follow(in_force)
            except (OSError, ValueError, KeyError, PKIError) as exc:
                if first and isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
                    raise
                if str(exc) != self.problem:  # the same failure repeats twice a second
                    log.warning("the listeners, stores or hook could not be updated: %s", exc)
                self.problem = str(exc)
            else:
                self.problem = ""

    async def _follow(self) -> None:
        waits = self.state.is_open(datetime.now(UTC))
        if waits and self.taking is None:
            await self._close_pages()
            await self._open()
        elif not waits and self.taking is not None:
            taking, self.taking = self.taking, None
            await taking.stop()
            log.info("certificates installed: the agent accepts no more packages")
            self.wake.set()
        # A page that still has to show a result closes a moment later.
        if not waits and not self.passwords.must_stay_open():
            await self._close_pages()
        installed, loaded = self.state.store.current(), self.caller.loaded
        if installed is None and self.node is not None:
            ending, self.node, self.caller.loaded = self.node, None, None
            await ending.stop()
            log.info("certificates removed: %s:%s closed", self.options.address, self.options.node_port)
        if installed and (loaded is None or self.reloading or installed.revision != loaded.revision):
            context = tls.server_context(installed)  # the old context stays in use if the new files do not load
            if self.node is None:
                node = listeners.Listener(listeners.node(self.call_now), self.options.address, self.options.node_port)
                await node.start(context)
                self.node = node
            else:
                await self.node.serve(context)
                self.node.close_revoked(installed.crls)
            if loaded is None or installed.generation != loaded.generation:
                self.caller.nudged_by = installed.nudged_by
            self.caller.loaded, self.reloading = installed, False
            log.info("generation %s serves on %s:%s", installed.generation, self.options.address, self.options.node_port)
            self.wake.set()

    async def _close_pages(self) -> None:
        closing, self.pages = self.pages, []
        for page in closing:
            await page.stop()

    async def _open(self) -> None:
        options, page = self.options, setup.Setup(self.state, self.passwords, self.wake.set)
        opening = [
            listeners.Listener(
                listeners.distribution(self.state, self.setup_url, self.passwords), options.address, options.distribution_port
            )
        ]
        opening += [listeners.Listener(setup.application(page), address, options.setup_port) for address in options.setup_addresses]
        started: list[listeners.Listener] = []
        try:
            for listener in opening:
                await listener.start()
                started.append(listener)
        except OSError:
            for running in started:
                await running.stop()
            raise
        self.taking, self.pages = opening[0], opening[1:]
        log.info("waiting for a package on %s:%s. Then type its password on %s", options.address, options.distribution_port, self.setup_url)

    async def send_heartbeats(self) -> None:
        """Send heartbeats until the agent stops. Failures are logged and tried again."""
        failed, was_refused, regular = 0, False, USUAL_S
        while not self.ended.is_set():  # asyncio.wait_for may swallow a cancellation (Python 3.11)
            self.wake.clear()
            try:
                wait, renewed = await self.caller.heartbeat()
                failed, regular = 0, max(wait, RETRY_S)
                wait_s = wait * random.uniform(0.9, 1.0)  # noqa: S311
                self.state.record_call("", now=datetime.now(UTC))
                if renewed:
                    await self.follow()
            except (OSError, ValueError, KeyError, TypeError, AttributeError, PKIError) as exc:
                problem = failure_text(exc)
                log.warning("%s", problem)
                with contextlib.suppress(OSError):  # such as a full disk
                    self.state.record_call(problem, now=datetime.now(UTC))
                # A refused node needs a person. An installation wakes this loop at once.
                is_refused = isinstance(exc, CertificateRefused)
                failed, was_refused = failed + 1 if is_refused == was_refused else 1, is_refused
                wait_s = retry_after(failed, regular, is_refused=is_refused)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), wait_s)
