"""The agent's commands."""

import os

os.environ.pop("SSLKEYLOGFILE", None)  # a library makes a TLS context when it is imported, and fails where this file cannot be written

import argparse
import asyncio
import codecs
import dataclasses
import json
import logging
import shlex
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

from agent import backup, browser, cluster, connections, files, passwords
from agent.heartbeat import services
from agent.serve import Agent, NotLoopback, Options
from agent.state import Refused, State
from agent.system import system_trust, windows_stores
from agent.system.certificate_stores import system_stores
from agent.system.folders import NotPossible
from agent.version import VERSION
from pki.core import clocks
from pki.core.addresses import central_address, listener_address, netloc, reachable_address
from pki.core.commands import AGENT
from pki.core.errors import InvalidName, PKIError
from pki.core.log_lines import JsonLines
from pki.core.names import host_name
from pki.foreign.pfx import LARGEST_PFX

LONGEST_INPUT = 4096  # bytes on standard input

NEED_A_HOME = ("unlock", "connections", "import-cluster", "backup", "remove")  # they do not create the home folder


def _serve_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--address", type=_address, default="127.0.0.1")
    command.add_argument("--distribution-port", type=int, default=4444)
    command.add_argument("--setup-address", type=_address, action="append", dest="setup_addresses")
    command.add_argument("--setup-port", type=int, default=4570)
    command.add_argument("--node-port", type=int, default=4242)
    command.add_argument(
        "--central-address", metavar="ADDRESS:PORT", help="call the central node at this address only; for the central node's own agent"
    )
    command.add_argument("--no-listen", action="store_false", dest="listen", help="open no port; send heartbeats and install renewals only")
    command.add_argument(
        "--service",
        action="append",
        default=[],
        dest="services",
        metavar="NAME=HOST:PORT",
        help="also report which certificate this service presents",
    )
    command.add_argument(
        "--reload-hook",
        default="",
        metavar="CMD",
        help="run this command, without a shell, when certificates, roots or revocation lists have changed",
    )
    command.add_argument(
        "--system-trust", action="store_true", help="add the trust zone's roots to those that this Linux system trusts (as root)"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=AGENT, description="The agent of a node of the trust zone.")
    parser.add_argument("--version", action="version", version=f"trust-zone-agent {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="wait for certificates, then serve them and call the central node")
    _serve_options(serve)
    status = commands.add_parser("status", help="show what is installed and which packages wait for a password")
    status.add_argument("--json", action="store_true")
    commands.add_parser("unlock", help="install the waiting package; the password is read from standard input")
    commands.add_parser("reopen", help="wait for a new package; the installed certificates stay in use")
    central = commands.add_parser("set-central", help="call the central node at another address from now on")
    central.add_argument("central_address", metavar="ADDRESS", help="IP address or host name, with :PORT if the port is not 4242")
    central.add_argument("--host-name", help="the host name in the central node's certificate, if it has changed")
    data = commands.add_parser("connections", help="list the data connections, and whether their passwords can be decrypted here")
    data.add_argument("--json", action="store_true", help="all fields with the decrypted passwords, for scripts")
    pair = commands.add_parser(
        "import-cluster", help="import the site's cluster certificate from a PFX file; its password is read from standard input"
    )
    pair.add_argument("file", type=Path, metavar="FILE")
    away = commands.add_parser("backup", help="write everything that is installed to one file, with unencrypted private keys")
    away.add_argument("file", type=Path, metavar="FILE")
    back = commands.add_parser("restore", help="restore a backup into an empty home")
    back.add_argument("file", type=Path, metavar="FILE")
    remove = commands.add_parser("remove", help="remove all certificates, keys and copies, then wait for a new package")
    remove.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    trust = commands.add_parser("system-trust", help="add the trust zone's roots to those that this Linux system trusts, once (as root)")
    trust.add_argument("--remove", action="store_true", help="remove them")
    for command in commands.choices.values():
        command.add_argument("--home", type=Path, required=True)
    return parser


def _loopback_addresses() -> list[str]:
    """127.0.0.1 and, where there is IPv6, ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


def _why(exc: OSError, home: Path) -> str:
    """Why a command failed and, if a permission on the agent's home is missing, what to do."""
    if isinstance(exc, PermissionError) and exc.filename and Path(exc.filename).absolute().is_relative_to(home.absolute()):
        return f"{exc.filename}: {exc.strerror}. Give the account that runs the agent the right to read and write {home}, and run this as that account."
    return f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc.strerror or exc)


def _address(text: str) -> str:
    """An argument that is the address of a listener. Raises: ArgumentTypeError."""
    try:
        return listener_address(text)
    except InvalidName as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _serve(arguments: argparse.Namespace) -> int:
    try:
        watched, hook = services(arguments.services), tuple(shlex.split(arguments.reload_hook))
        stores = system_stores(trust=arguments.system_trust)
        called = central_address(arguments.central_address) if arguments.central_address else None
    except (ValueError, NotPossible, InvalidName) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    options = Options(
        arguments.home, arguments.address, arguments.distribution_port, tuple(arguments.setup_addresses or _loopback_addresses()),
        arguments.setup_port, arguments.node_port, arguments.listen, watched, hook, tuple(stores), called,
    )  # fmt: skip

    async def run() -> None:
        await Agent(options).run()

    try:
        asyncio.run(run())
    except NotLoopback as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    except files.InUse as exc:
        sys.stderr.write(f"Another agent runs on {arguments.home}: {exc}. Stop it, or give another --home.\n")
        return 1
    except OSError as exc:
        sys.stderr.write(f"{_why(exc, arguments.home)}\n")
        return 1
    return 0


def _status(arguments: argparse.Namespace) -> int:
    state = State(arguments.home)
    content = state.status(datetime.now(UTC))
    installed, damaged = state.store.readable(), state.damage()
    if damaged:
        content["damaged"] = damaged
    if installed:
        content |= {"host_name": installed.host_name, "generation": installed.generation}
        content["central"] = state.central(installed).called or "not reached yet"
        content["not_after"] = installed.service.not_valid_after_utc.isoformat()
        shown = state.browser(installed, now=datetime.now(UTC))
        content["browser"] = shown if arguments.json else browser.description(state.store.chosen(), shown["problem"])
    loose = [str(path) for path in files.readable_by_others(state.own_folder)]
    content["readable_by_others"] = loose if arguments.json else ", ".join(loose) or "nothing"
    problem = state.last_problem()
    content["last_problem"] = problem if arguments.json or problem is None else f"{problem['at']} {problem['text']}"
    lines = json.dumps(content) if arguments.json else "\n".join(f"{name}: {value}" for name, value in content.items())
    sys.stdout.write(lines + "\n")
    return 0


def _password_typed() -> str:
    """One line from a terminal; everything from a pipe, because a pasted password may have line breaks."""
    raw = sys.stdin.buffer.readline(LONGEST_INPUT) if sys.stdin.isatty() else sys.stdin.buffer.read(LONGEST_INPUT)
    return raw.decode("utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8", "replace")


def _unlock(arguments: argparse.Namespace) -> int:
    installed = passwords.unlock(State(arguments.home), _password_typed(), report=sys.stderr.write)
    sys.stdout.write("".join(f"{what}: {path}\n" for what, path in installed.places()))
    return 0


def _reopen(arguments: argparse.Namespace) -> int:
    State(arguments.home).reopen()
    sys.stdout.write("reopened: a running agent waits for a new package within a second\n")
    return 0


def _set_central(arguments: argparse.Namespace) -> int:
    try:
        called = reachable_address(arguments.central_address)
        name = host_name(arguments.host_name) if arguments.host_name else None
    except InvalidName as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    State(arguments.home).set_central(called.address, called.port, name)
    place = netloc(called.address, called.port)
    sys.stdout.write(f"The next heartbeat goes to {place}. An address that the central node reports later replaces it once it works.\n")
    return 0


def _connections(arguments: argparse.Namespace) -> int:
    found = connections.read(arguments.home)
    content = json.dumps([dataclasses.asdict(connection) for connection in found]) if arguments.json else connections.table(found)
    sys.stdout.write(content + "\n")
    return 0


def _import_cluster(arguments: argparse.Namespace) -> int:
    with arguments.file.open("rb") as file:
        content = file.read(LARGEST_PFX + 1)
    password = sys.stdin.readline().rstrip("\r\n")
    installed = cluster.import_cluster(State(arguments.home), content, password, now=datetime.now(UTC))
    expires_at = installed.cluster.not_valid_after_utc
    sys.stdout.write(
        f"{cluster.place(installed)}: installed, valid until {clocks.day(expires_at)}. A running agent proves it with its next heartbeats. Reload the services that use it.\n"
    )
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    count = backup.backup(arguments.home, arguments.file)
    sys.stdout.write(f"{arguments.file}: {count} files. The file has this node's private keys unencrypted: protect it like the node.\n")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    installed = backup.restore(arguments.home, arguments.file)
    sys.stdout.write(f"{installed.host_name}, generation {installed.generation}: a running agent serves this certificate within a second\n")
    return 0


def _remove_from_system_stores(state: State) -> None:
    """Runs first, because it may need more permissions: if it fails, nothing was removed. Raises: Refused, OSError, NotPossible."""
    held = state.removable()
    if held and system_trust.is_used(held.trust_zone):
        system_trust.remove(system_trust.this_trust_store(), held.trust_zone)
    if held and sys.platform == "win32":
        windows_stores.run(windows_stores.nothing(held), state.home)


def _system_trust(arguments: argparse.Namespace) -> int:
    installed = State(arguments.home).store.current()
    if installed is None:
        raise NotPossible(f"Nothing is installed in {arguments.home}. Nothing was changed. Give the agent's home.")
    store = system_trust.this_trust_store()
    if arguments.remove:
        result = f"{system_trust.remove(store, installed.trust_zone)} roots of this trust zone removed from {store.anchors}"
    else:
        added, removed = system_trust.settle(store, installed.trust_zone, installed.roots)
        result = f"{len(installed.roots)} roots of this trust zone in {store.anchors}: {added} added, {removed} removed"
    sys.stdout.write(result + "\n")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    state = State(arguments.home)
    if not arguments.yes:
        if not sys.stdin.isatty():
            sys.stderr.write("Nothing was removed. Give --yes, or run this on a terminal.\n")
            return 2
        held = state.store.readable()
        question = f"Remove every certificate, key and copy of {held.host_name if held else 'this node'} from {arguments.home}? Type yes: "
        if input(question).strip().lower() != "yes":
            sys.stderr.write("Nothing was removed.\n")
            return 1
    _remove_from_system_stores(state)
    state.remove()
    sys.stdout.write("removed: a running agent waits for a new package within a second. Press Redistribute in the console.\n")
    return 0


def _log_begin() -> None:
    """Write the log to standard error; as JSON if QMC_LOG_FORMAT says so."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    if os.environ.get("QMC_LOG_FORMAT") == "json":
        logging.getLogger().handlers[0].setFormatter(JsonLines())


def main() -> int:
    """Returns the exit code."""
    try:
        files.restrict_umask()
    except NotPossible as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    arguments = _parser().parse_args()
    if arguments.command in NEED_A_HOME and not arguments.home.is_dir():
        sys.stderr.write(f"There is no directory {arguments.home}. Nothing was changed. Check --home.\n")
        return 1
    _log_begin()
    commands = {
        "serve": _serve, "status": _status, "unlock": _unlock, "reopen": _reopen, "set-central": _set_central, "connections": _connections,
        "backup": _backup, "restore": _restore, "remove": _remove, "system-trust": _system_trust, "import-cluster": _import_cluster,
    }  # fmt: skip
    try:
        return commands[arguments.command](arguments)
    except (PKIError, Refused, connections.Unavailable, backup.BackupRefused, NotPossible) as exc:
        sys.stderr.write(f"{exc}\n")
    except OSError as exc:
        sys.stderr.write(f"{_why(exc, arguments.home)}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
