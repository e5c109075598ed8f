"""The heartbeat: one report to the central node and its answer, over mutual TLS."""

import asyncio
import contextlib
import logging
import re
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from agent import cluster, tls
from agent.central import DIAL_S, Central, CertificateRefused
from agent.report import report_make
from agent.state import State
from agent.store import Installed
from pki.core import verify
from pki.core.errors import PKIError
from pki.exchange.answer import Answer
from pki.foreign.browser_choice import NO_PRIVATE_KEY

log = logging.getLogger("agent")
SERVICE_NAME, MOST_SERVICES, LOOK_S = re.compile("[a-z0-9-]{1,20}"), 10, 2
LARGEST_TRUST = 4 * 1024 * 1024  # a list has 40 bytes for each revoked certificate


@dataclass(frozen=True)
class Service:
    """A service on this node that uses its certificates, and its TLS address."""

    name: str
    host: str
    port: int


def services(arguments: list[str]) -> tuple[Service, ...]:
    """The services in arguments of the form NAME=HOST:PORT. Raises: ValueError, with the reason."""
    found = []
    for argument in arguments:
        name, _, place = argument.partition("=")
        host, port = None, None
        with contextlib.suppress(ValueError):  # an invalid port, a missing bracket
            host, port = (parts := urlsplit(f"//{place}")).hostname, parts.port
        if not SERVICE_NAME.fullmatch(name) or not host or not port:
            raise ValueError(f"--service {argument} is not NAME=HOST:PORT. A name has at most 20 of a-z, 0-9 and -.")
        found.append(Service(name, host, port))
    names = [service.name for service in found]
    if len(found) > MOST_SERVICES or len(set(names)) < len(names) or "service" in names:
        raise ValueError(f"--service takes at most {MOST_SERVICES} different names, and not `service`, which is the agent itself.")
    return tuple(found)


async def _presented(context: ssl.SSLContext, installed: Installed, host: str, port: int, timeout_s: float) -> str | None:
    """The fingerprint of the certificate that a TLS server presents; None where it does not answer, or `context` refuses it."""
    try:
        reading = asyncio.open_connection(host, port, ssl=context, server_hostname=installed.host_name)
        _, writer = await asyncio.wait_for(reading, timeout_s)
    except (OSError, ValueError):  # also a host that cannot be looked up
        return None
    der: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return verify.fingerprint(der) if der else None


class Caller:
    """Sends heartbeats to the central node and does what the answers ask for."""

    def __init__(self, state: State, address: str, port: int, *, listening: bool, services: tuple[Service, ...] = ()) -> None:
        self.state, self.address, self.port, self.listening, self.services = state, address, port, listening, services
        self.central = Central(state)
        self.challenges: dict[str, str] = {}
        self.cluster_challenge = ""
        self.nudged_by: Collection[str] = ()  # the client certificates that may ask for a call: of the last answer, or of a package since
        self.loaded: Installed | None = None  # the generation that the listener serves and trusts

    async def heartbeat(self) -> tuple[int, bool]:
        """Send one heartbeat. Returns the seconds until the next one, and whether something new was installed. Raises: OSError."""
        installed = self.state.store.current()
        if installed is None:
            return 1, False
        next_s = 0
        try:
            next_s, is_new = await self._heartbeat(installed)
            return next_s, is_new
        finally:
            await self.central.settle(next_s)

    async def _heartbeat(self, installed: Installed) -> tuple[int, bool]:
        await self._settle_browser()
        try:
            answer = await self._answer(installed)
        except CertificateRefused:
            # The certificate was revoked, or replaced before it was used. Only a new package helps.
            if not self.state.is_open(datetime.now(UTC)):
                self.state.reopen()
            raise
        self.challenges, self.cluster_challenge, self.nudged_by = answer.challenges, answer.cluster_challenge, answer.nudged_by
        if answer.retired_database_keys:
            self.state.forget_database_keys(answer.retired_database_keys)
        if answer.reopen:
            self.state.reopen()
        if answer.central_addresses:
            self.state.take_central_addresses(installed, answer.central_addresses)
        chosen = await self._take_browser(installed, answer)
        try:
            changed = await self._take_trust(installed, answer) or await self._take_renewal(installed, answer)
        except PKIError as exc:
            log.warning("not installed: %s", exc)
            return 30, False
        return (0, True) if changed or chosen else (min(max(answer.interval_s, 1), 3600), False)

    async def _answer(self, installed: Installed) -> Answer:
        """Send the report, and store the turn of the answer before anything else. Raises: OSError, of it CertificateRefused; PKIError."""
        now_served = await self._served(installed)
        ring = self.state.store.key_ring()
        for place, problem in ring.problems.items():
            log.warning("service pair in %s: %s", place, problem)
        with self.state.turns.taken() as turn:
            report = report_make(
                installed, ring, self.challenges, loaded=self.loaded or installed, served=now_served, listening=self.listening, now=datetime.now(UTC),
                hook=self.state.hook(), browser=self.state.browser(installed, now=datetime.now(UTC)),
                cluster_proof=cluster.proof(installed, self.cluster_challenge), central=self.state.central(installed), turn=turn,
            )  # fmt: skip
            answer = Answer.parse(await self.central.ask(installed, "POST", "/api/v1/heartbeat/", json=report.to_json()))
            if answer.turn:
                self._keep_turn(answer.turn)
        return answer

    def _keep_turn(self, turn: str) -> None:
        try:
            self.state.turns.keep(turn)
        except OSError as exc:  # such as a full disk; the central node accepts the previous turn too
            log.warning("the turn of this heartbeat was not stored: %s", exc)

    async def _served(self, installed: Installed) -> dict[str, str | None]:
        """The fingerprints of the certificates that this agent's listener and the services of this node present, by name."""
        calling = self.central.context(installed)
        own = _presented(calling, installed, self.address, self.port, DIAL_S) if self.listening else asyncio.sleep(0)
        looking = tls.unverified_context(installed) if self.services else calling
        others = (_presented(looking, installed, service.host, service.port, LOOK_S) for service in self.services)
        found = await asyncio.gather(own, *others)
        return dict(zip(["service", *(service.name for service in self.services)], found, strict=True))

    async def _settle_browser(self) -> None:
        """Update browser.pem: a chosen certificate that has expired is removed, and one that has become valid is written."""
        try:
            if await asyncio.to_thread(self.state.update_browser_pem, now=datetime.now(UTC)):
                log.info("browser.pem changed")
        except OSError as exc:  # the heartbeat is sent anyway
            log.warning("browser.pem was not written: %s", exc)

    async def _take_browser(self, installed: Installed, answer: Answer) -> bool:
        """Install a newly chosen browser certificate. Returns whether there was one. An error changes nothing."""
        chosen, kept = answer.browser, self.state.browser(installed, now=datetime.now(UTC))
        # The console may have decrypted the private key meanwhile. The revision does not change with that.
        if chosen is None or (chosen == kept["revision"] and kept["problem"] != NO_PRIVATE_KEY):
            return False
        try:
            sealed = await self.central.ask(installed, "GET", "/api/v1/browser-certificate/") if chosen else None
            changed = await asyncio.to_thread(self.state.choose_browser, sealed, revision=chosen, now=datetime.now(UTC))
        except (OSError, PKIError) as exc:
            log.warning("the chosen browser certificate was not installed: %s", exc)
            return False
        if changed:
            log.info("installed the chosen browser certificate" if chosen else "no browser certificate is chosen any more")
        return changed

    async def _take_trust(self, installed: Installed, answer: Answer) -> bool:
        """Fetch roots and revocation lists if there are new ones. Returns whether they changed. Raises: OSError, PKIError."""
        if not answer.trust:
            return False
        trust = await self.central.ask(installed, "GET", "/api/v1/trust/", largest=LARGEST_TRUST)
        changed = self.state.take_trust(trust).revision != installed.revision
        if changed:
            log.info("installed new roots and revocation lists")
        return changed

    async def _take_renewal(self, installed: Installed, answer: Answer) -> bool:
        """Fetch and install a renewal if one is offered. Returns whether one was. Raises: OSError, PKIError."""
        if answer.package is None or answer.package <= installed.generation:
            return False
        sealed = await self.central.ask(installed, "GET", f"/api/v1/packages/{answer.package}/")
        # In a thread, because checking keys and writing files takes a second.
        await asyncio.to_thread(self.state.install_renewal, sealed, now=datetime.now(UTC))
        log.info("installed a renewal, generation %s", answer.package)
        return True
