"""The running agent: opens what must be open, calls home, and follows what the terminal does."""

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
from agent.heartbeat import Caller, Service
from agent.hook import Hook
from agent.passwords import Passwords
from agent.state import RUNNING, State
from agent.system.other_stores import Filler, OtherStore
from pki.core.addresses import CentralAddress, is_loopback, netloc
from pki.core.errors import PKIError

log = logging.getLogger("agent")
RETRY_S, LONGEST_RETRY_S = 5, 300
OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def why_not(failure: Exception) -> str:
    """Why a call home failed, and what helps where it is this machine's own disk."""
    if isinstance(failure, StoreDamaged):
        return str(failure)
    if isinstance(failure, OSError) and failure.errno in OF_THE_DISK:
        return f"this node's own files cannot be read or written: {failure}. Free space on this disk, or mend the rights of the agent's home; the agent tries again."
    return f"central node not reached: {failure}"


class NotLoopback(Exception):
    """The setup page may be served on loopback addresses only."""


@dataclass(frozen=True)
class Options:
    """What `serve` was asked for."""

    home: Path
    address: str
    distribution_port: int
    setup_addresses: tuple[str, ...]
    setup_port: int
    node_port: int
    listen: bool
    services: tuple[Service, ...] = ()
    reload_hook: tuple[str, ...] = ()
    other_stores: tuple[OtherStore, ...] = ()
    central_address: CentralAddress | None = None


class Agent:
    """One node's agent. Every second it compares what is open with what should be."""

    def __init__(self, options: Options) -> None:
        for address in options.setup_addresses:
            if not is_loopback(address):
                raise NotLoopback(f"--setup-address {address} is not a loopback address. The password page is served on this machine only.")
        self.options, self.state = options, State(options.home, central_address=options.central_address)
        self.wake, self.ended = asyncio.Event(), asyncio.Event()
        self.taking: listeners.Listener | None = None  # where packages come in
        self.pages: list[listeners.Listener] = []  # where the password is typed
        self.node: listeners.Listener | None = None
        self.caller = Caller(self.state, options.address, options.node_port, listening=options.listen, services=options.services)
        self.hook = Hook(self.state, options.reload_hook, self.wake.set)
        self.fillers = [Filler(each) for each in options.other_stores]
        self.passwords = Passwords(self.state)
        self.following, self.reloading, self.problem = asyncio.Lock(), False, ""

    @property
    def setup_url(self) -> str:
        host = "localhost" if "127.0.0.1" in self.options.setup_addresses else self.options.setup_addresses[0]
        return f"http://{netloc(host.strip('[]'), self.options.setup_port)}/certificateSetup"

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises: InUse while another agent runs on this home, OSError."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):  # Windows ends a service in another way
                asyncio.get_running_loop().add_signal_handler(number, self.ended.set)
        with contextlib.suppress(NotImplementedError, AttributeError):  # nor has it this signal
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
        with files.held(self.options.home / RUNNING, now=datetime.now(UTC)):
            await self._run()

    def reload(self) -> None:
        """SIGHUP: load the files again, run the hook again if it failed, and call home now."""
        log.info("SIGHUP: certificates, trust and hook are looked at again")
        self.reloading = True
        self.hook.look_again()
        self.wake.set()

    async def _run(self) -> None:
        files.close_to_others(self.state.own_folder)
        await self.follow(first=True)
        calling = asyncio.create_task(self.call_home())
        while not self.ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), 0.5)
            await self.follow()
        calling.cancel()
        self.wake.set()
        for each in [*self.pages, *filter(None, (self.taking, self.node))]:
            await each.stop()

    async def follow(self, *, first: bool = False) -> None:
        """Make what listens fit the state on the disk; what cannot be opened or read is said and tried again.

        Raises: OSError where it is the `first` time and another program has a port: that is for a person to decide.
        """
        async with self.following:
            try:
                if self.options.listen:
                    await self._follow()
                in_force = self.caller.loaded or self.state.store.current()
                for each in self.fillers:
                    each.follow(in_force)
                if self.hook.command:
                    self.hook.follow(in_force)
            except (OSError, ValueError, KeyError, PKIError) as exc:
                if first and isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
                    raise
                if str(exc) != self.problem:  # it is tried twice a second
                    log.warning("not changed: %s", exc)
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
            log.info("certificates installed: no package is taken any more")
            self.wake.set()
        # A page that still owes its reader the outcome closes a moment later.
        if not waits and not self.passwords.owes():
            await self._close_pages()
        installed, loaded = self.state.store.current(), self.caller.loaded
        if installed is None and self.node is not None:
            ending, self.node, self.caller.loaded = self.node, None, None
            await ending.stop()
            log.info("certificates removed: %s:%s closed", self.options.address, self.options.node_port)
        if installed and (loaded is None or self.reloading or installed.revision != loaded.revision):
            context = tls.server_context(installed)  # the old one stays if the new files do not load
            if self.node is None:
                node = listeners.Listener(listeners.status(), self.options.address, self.options.node_port)
                await node.start(context)
                self.node = node
            else:
                await self.node.serve(context)
                self.node.cut(installed.crls)
            self.caller.loaded, self.reloading = installed, False
            log.info("generation %s serves on %s:%s", installed.generation, self.options.address, self.options.node_port)
            self.wake.set()

    async def _close_pages(self) -> None:
        closing, self.pages = self.pages, []
        for each in closing:
            await each.stop()

    async def _open(self) -> None:
        options, page = self.options, setup.Setup(self.state, self.passwords, self.wake.set)
        wanted = [
            listeners.Listener(
                listeners.distribution(self.state, self.setup_url, self.passwords), options.address, options.distribution_port
            )
        ]
        wanted += [listeners.Listener(setup.application(page), address, options.setup_port) for address in options.setup_addresses]
        started: list[listeners.Listener] = []
        try:
            for each in wanted:
                await each.start()
                started.append(each)
        except OSError:
            for each in started:
                await each.stop()
            raise
        self.taking, self.pages = wanted[0], wanted[1:]
        log.info("waiting for a package on %s:%s; then open %s", options.address, options.distribution_port, self.setup_url)

    async def call_home(self) -> None:
        """Heartbeats until the agent ends; a failure is logged and tried again."""
        refused = 0
        while not self.ended.is_set():  # asyncio.wait_for may swallow a cancellation (Python 3.11)
            self.wake.clear()
            try:
                wait, renewed = await self.caller.beat()
                refused = 0
                self.state.note_call("", now=datetime.now(UTC))
                if renewed:
                    await self.follow()
            except (OSError, ValueError, KeyError, TypeError, AttributeError, PKIError) as exc:
                problem = why_not(exc)
                log.warning("%s", problem)
                with contextlib.suppress(OSError):  # a full disk, say
                    self.state.note_call(problem, now=datetime.now(UTC))
                # Who is refused needs a person: it is asked less and less often. What is unlocked wakes this at once.
                refused = refused + 1 if isinstance(exc, CertificateRefused) else 0
                wait = min(RETRY_S * 2 ** max(refused - 1, 0), LONGEST_RETRY_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), wait * random.uniform(0.9, 1.0))  # noqa: S311
