"""Checks of a node, from the files of its agent: permissions, chain, names, dates, ports, and the way to the central node."""

import os
import socket
import ssl
import stat
import sys
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from cryptography import x509

from agent import tls
from agent.files import NotPossible, is_shared
from agent.store import Installed, Store, StoreDamaged
from agent.version import VERSION
from cli.doctor.findings import Finding, clock, ok, problem, warning
from pki.core.errors import PeerRefused, PKIError
from pki.core.roles import Role
from pki.core.verify import peer

CONNECT_S = 5
RENEWAL_DUE_DAYS = 14


def findings(home: Path, *, address: str, node_port: int, now: datetime) -> Iterator[Finding]:
    yield ok("version", f"The agent here has the version {VERSION}.")
    if not home.is_dir():
        yield problem("home", f"{home} is no folder.", "Give the folder that the agent has as --home.")
        return
    yield from _permissions(home)
    try:
        installed = Store(home).current()
    except StoreDamaged as exc:
        yield problem("store", exc.what, str(exc).removeprefix(exc.what).strip())
        return
    except (OSError, PKIError) as exc:
        yield problem("store", f"{home} cannot be read: {exc}.", "Run this as the account that runs the agent.")
        return
    if installed is None:
        yield problem(
            "store", "No certificates are installed here.", "Register this node in the console, then type its password at the setup page."
        )
        return
    yield ok("store", f"Generation {installed.generation} of {installed.host_name} is installed, and its keys belong to its certificates.")
    yield from _certificates(installed, now)
    yield from _lists(installed, now)
    yield _port(address, node_port)
    yield _name(installed)
    yield from _central(installed, now)


def _permissions(home: Path) -> Iterator[Finding]:
    if sys.platform == "win32":
        yield ok("permissions", "Modes of files do not restrict other accounts on Windows. Check the list of permissions of the folder.")
        return
    try:
        open_bits = stat.S_IRWXO | (0 if is_shared() else stat.S_IRWXG)
    except NotPossible as exc:
        yield problem("permissions", str(exc), "Set QMC_GROUP to a group that exists.")
        return
    wrong, unreadable = [], []
    for folder, _, names in os.walk(home, onerror=lambda exc: unreadable.append(exc)):
        for path in (Path(folder), *(Path(folder) / name for name in names)):
            if not path.is_symlink() and path.lstat().st_mode & open_bits:
                wrong.append(path)
    if unreadable:
        yield problem("permissions", f"{unreadable[0].filename} cannot be read here.", "Run this as the account that runs the agent.")
    elif wrong:
        text = f"Other accounts have access to {len(wrong)} files or folders, such as {wrong[0]}."
        yield problem("permissions", text, f"Run `chmod -R go-rwx {home}` as the account that runs the agent.")
    else:
        yield ok("permissions", f"No other account has access to {home}.")


def _certificates(installed: Installed, now: datetime) -> Iterator[Finding]:
    renew = "Start the agent and wait for a renewal. If it cannot call the central node any more, redistribute the node in the console."
    for name, certificate, role, host in (
        ("service", installed.service, Role.SERVICE, installed.host_name),
        ("client", installed.client, Role.CLIENT, None),
    ):
        try:
            peer(certificate, installed.roots, role=role, host_name=host, now=now, crls=installed.crls)
        except PeerRefused as exc:
            yield problem(f"{name}-certificate", str(exc), renew)
            continue
        days = (certificate.not_valid_after_utc - now).days
        text = f"The {name} certificate is valid for {days} days, was issued by an installed root and has the role {role}."
        yield warning(f"{name}-certificate", text, renew) if days < RENEWAL_DUE_DAYS else ok(f"{name}-certificate", text)


def _lists(installed: Installed, now: datetime) -> Iterator[Finding]:
    stale = [crl for crl in installed.crls if crl.next_update_utc and crl.next_update_utc < now]
    if stale:
        text = f"The revocation list of {stale[0].issuer.rfc4514_string()} is out of date since {stale[0].next_update_utc}."
        yield warning(
            "revocation-list", text, "Check that the agent runs and reaches the central node: it fetches the list with each change."
        )
    else:
        yield ok("revocation-list", "No installed revocation list is out of date.")


def _port(address: str, port: int) -> Finding:
    try:
        socket.create_connection((address, port), timeout=CONNECT_S).close()
    except OSError as exc:
        return problem(
            "port",
            f"Port {port} on {address} does not answer: {exc.strerror or exc}.",
            "Start the agent, or give its --address and --node-port.",
        )
    return ok("port", f"Port {port} on {address} answers.")


def _name(installed: Installed) -> Finding:
    try:
        socket.getaddrinfo(installed.host_name, None)
    except OSError:
        return warning(
            "name", f"The host name {installed.host_name} does not resolve here.", "Add it to the DNS, so that other nodes find this one."
        )
    return ok("name", f"The host name {installed.host_name} resolves.")


def _central(installed: Installed, now: datetime) -> Iterator[Finding]:
    """One finding for each address of the central node, and its clock."""
    offset = None
    for central in installed.central_addresses:
        where, connection = f"{central.address}:{central.port}", _ToCentral(installed, central.address, central.port)
        try:
            connection.request("GET", "/")
            date = connection.getresponse().getheader("Date")
            offset = (parsedate_to_datetime(date) - now).total_seconds() if date else offset
        except (OSError, ValueError, HTTPException) as exc:
            yield problem("central", f"The central node does not answer at {where}: {_why(exc)}.", _remedy(exc))
        else:
            yield ok("central", f"The central node answers at {where}, and both sides trust each other.")
        finally:
            connection.close()
    if offset is not None:
        yield clock("clock", offset, "the central node")


class _ToCentral(HTTPSConnection):
    """Dials an address, and verifies the central node's host name."""

    def __init__(self, installed: Installed, address: str, port: int) -> None:
        self.tls = tls.client_context(installed)
        self.central_name = installed.central_host_name
        super().__init__(address, port, context=self.tls, timeout=CONNECT_S)

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), timeout=self.timeout)
        try:
            self.sock: Any = self.tls.wrap_socket(plain, server_hostname=self.central_name)
        except (OSError, ValueError):
            plain.close()
            raise


def _why(exc: Exception) -> str:
    if isinstance(exc, ssl.SSLError):
        return str(exc.reason or exc).rstrip(".")
    return str((exc.strerror if isinstance(exc, OSError) else None) or exc or type(exc).__name__).rstrip(".")


def _remedy(exc: Exception) -> str:
    if tls.is_date_error(exc):
        return "Check the clocks of both machines, then the dates of the certificates."
    if tls.is_root_error(exc):
        return "The central node has another root than this node. Redistribute the node in the console."
    return "Check the network and the firewall. Call it at another address with `qmc-agent set-central`."


def contents(home: Path) -> Iterator[tuple[str, object]]:
    """What an archive has of the node: dates and names of its certificates, and its files with their modes. No file of the home is copied."""
    installed = Store(home).readable()
    if installed:
        roots = [("root", each) for each in installed.roots]
        pairs = [("service", installed.service), ("client", installed.client), ("cluster", installed.cluster), *roots]
        yield "certificates", [_described(kind, certificate) for kind, certificate in pairs]
    files = [(path, path.lstat()) for path in sorted(home.rglob("*"))]
    yield (
        "files",
        [{"path": str(path.relative_to(home)), "mode": stat.filemode(status.st_mode), "size": status.st_size} for path, status in files],
    )


def _described(kind: str, certificate: x509.Certificate) -> dict[str, str]:
    return {
        "kind": kind, "subject": certificate.subject.rfc4514_string(), "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "not_before": certificate.not_valid_before_utc.isoformat(), "not_after": certificate.not_valid_after_utc.isoformat(),
    }  # fmt: skip
