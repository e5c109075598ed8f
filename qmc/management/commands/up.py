"""Start everything on this machine and keep it running."""

import ctypes
import errno
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from agent.files import InUse, exclusive_lock, make_folder
from agent.store import Store
from agent.version import VERSION
from outbound.connections import connect
from pki.core.addresses import bare, loopback_for, netloc
from pki.core.commands import QMC
from qmc.management.commands.init import SIGN_IN, WARNING
from qmc.management.commands.migrate import COPIED
from qmc.metrics.processes import durations_forget
from qmc.server import listening_socket
from storage.data_directory import data_directory_prepare, root_passphrase_make
from storage.database import DatabaseRefused, database_fit
from storage.database_file import database_file, log_empty

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
GRACE_S = 8
MODULE = ["-m", "qmc"]
CELERY = ["-m", "celery", "--quiet", "-A", "qmc", "--skip-checks"]  # `init` has run the checks


def _die_with(parent: int) -> None:
    """The kernel terminates this process when its supervisor ends, for any reason."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _lines(log: Path, before: int) -> list[str]:
    """The text that was written into `log` after its first `before` bytes."""
    return log.read_bytes()[before:].decode(errors="replace").strip().splitlines()


def _accepts(address: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        connect(address, port, 1).close()
    except OSError:
        return False
    return True


def _agent_line(address: str) -> str:
    """The state of an agent that was started on `address`."""
    try:
        installed = Store(settings.QMC_DATA_DIR / "agents" / address).current()
    except (OSError, ValueError, KeyError):
        return f"Agent:    on {address}, its files cannot be read. See logs/agent-{address}.log"
    if installed is None:
        return f"Waiting:  an agent on {address}, setup page http://{netloc(address, 4570)}/certificateSetup"
    return f"Node:     {installed.host_name} on {address}, registered (generation {installed.generation})"


def _remedy(exc: OSError, flag: str) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"Stop the program that uses it, or choose another port with {flag}."
    if exc.errno in (errno.EACCES, errno.EPERM):
        return f"Choose a port of 1024 or above with {flag}, or run this with the right to use lower ports."
    return f"Give an address of this machine with {'--agent' if flag == '--agent' else '--address'} (`ip address` lists them)."


def port_number(text: str) -> int:
    """A port on which something can listen."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Terminate these processes, and kill those that still run after GRACE_S."""
    until = time.monotonic() + GRACE_S
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Child:
    """One supervised process."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    passphrase: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = field(default=0.0)

    def start(self) -> None:
        environment = os.environ | self.environment | {"QMC_ROOT_PASSPHRASE_FILE": "", "PYTHONUNBUFFERED": "1"}
        descriptors: tuple[int, ...] = ()
        if self.passphrase and settings.ROOT_PASSPHRASE_FILE:
            # Of the folder: a descriptor of the file would read the old passphrase after `rotate_root_passphrase`.
            path = settings.ROOT_PASSPHRASE_FILE.resolve()
            descriptors = (os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY),)
            environment["QMC_ROOT_PASSPHRASE_FILE"] = f"/dev/fd/{descriptors[0]}/{path.name}"
        logs = settings.QMC_DATA_DIR / "logs"
        make_folder(logs)
        parent = os.getpid()
        with (logs / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, *self.arguments], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=settings.BASE_DIR,
                pass_fds=descriptors, preexec_fn=lambda: _die_with(parent),
            )  # fmt: skip
        for descriptor in descriptors:
            os.close(descriptor)
        self.started = time.monotonic()


class Command(BaseCommand):
    help = "Starts console, node API, worker and beat. Ctrl-C stops all of them."
    requires_system_checks = []  # `init` runs the checks

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data-dir")
        parser.add_argument("--address", type=bare, default="127.0.0.1", help="address on which console and node API listen")
        parser.add_argument("--port", type=port_number, default=8443)
        parser.add_argument("--node-port", type=port_number, default=4242)
        parser.add_argument("--metrics-port", type=port_number, help="also serve what monitoring systems read on a port of its own")
        parser.add_argument(
            "--backed-up", action="store_true", help="PostgreSQL: confirm that you have a current dump or backup of the site"
        )
        parser.add_argument(
            "--node-api-address", action="append", default=[], metavar="ADDRESS:PORT",
            help="an address that nodes call, if it is not --address and --node-port. Can be repeated",
        )  # fmt: skip
        parser.add_argument(
            "--agent", action="append", default=[], metavar="ADDRESS", help="also start an unregistered agent on this loopback address"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["port"] == options["node_port"]:
            raise CommandError(f"--port and --node-port are both {options['port']}. Console and node API need different ports.")
        if options["metrics_port"] in (options["port"], options["node_port"]):
            raise CommandError(f"Another listener has --metrics-port {options['metrics_port']} already. Choose another port.")
        if settings.ROOT_PASSPHRASE_FILE is None:
            raise CommandError("QMC_ROOT_PASSPHRASE_FILE is empty. Unset it, or set it to the file of the root passphrase.")
        try:
            has_zone = database_fit().has_zone
            data_directory_prepare()
            with exclusive_lock(settings.QMC_DATA_DIR / "up.lock", now=timezone.now()):
                self._check_ports(options)
                root_passphrase_make(has_zone=has_zone)
                self._run(options)
        except DatabaseRefused as exc:
            raise CommandError(str(exc)) from exc
        except InUse as exc:
            raise CommandError(f"`up` already runs on {settings.QMC_DATA_DIR}: {exc}. Stop it, or give another --data-dir.") from exc

    def _run(self, options: dict[str, Any]) -> None:
        environment = {"QMC_DATA_DIR": str(settings.QMC_DATA_DIR)}
        ended = []
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # `nohup` makes this process ignore SIGHUP
                signal.signal(number, lambda *_: ended.append(True))
        sign_in = self._init(options, environment)
        if ended:
            return
        durations_forget()
        children = self._children(options, environment)
        for child in children:
            child.start()
        said = False
        while not ended:
            time.sleep(0.2)
            if not said and _accepts(loopback_for(options["address"]), options["port"]):
                self._say(options, sign_in)
                said = True
            for child in children:
                assert child.process is not None
                if not ended and child.process.poll() is not None and time.monotonic() - child.started > 2:
                    self.stderr.write(f"{child.name} ended with {child.process.returncode}; started again (logs/{child.name}.log)")
                    child.start()
        self._end(children)

    def _init(self, options: dict[str, Any], environment: dict[str, str]) -> str:
        """Run `init` in a separate process, because it has the root passphrase. Print its warnings and its error. Returns how to sign in."""
        words = [*MODULE, "init", "--listening", netloc(options["address"], options["node_port"])]
        words += ["--backed-up"] * options["backed_up"]
        words += [argument for address in options["node_api_address"] for argument in ("--node-api-address", address)]
        log = settings.QMC_DATA_DIR / "logs/init.log"
        before = log.stat().st_size if log.exists() else 0
        initial = Child("init", words, environment, passphrase=True)
        initial.start()
        assert initial.process is not None
        code, lines = initial.process.wait(), _lines(log, before)
        if code:
            why = lines[-1].removeprefix("CommandError: ") if lines else "it was terminated"
            raise CommandError(f"init failed: {why} (See {log}.)")
        for line in lines:
            if line.startswith((WARNING, COPIED)):
                self.stderr.write(line)
        return next((line for line in lines if line.startswith(SIGN_IN)), "")

    def _check_ports(self, options: dict[str, Any]) -> None:
        ports = [(options["address"], options["port"], "--port"), (options["address"], options["node_port"], "--node-port")]
        ports += [(options["address"], port, "--metrics-port") for port in [options["metrics_port"]] if port]
        ports += [(address, port, "--agent") for address in options["agent"] for port in (4444, 4570)]
        for address, port, flag in ports:
            try:
                listening_socket(address, port).close()
            except OSError as exc:
                raise CommandError(f"Port {port} on {address} cannot be used: {exc.strerror}. {_remedy(exc, flag)}") from exc

    def _children(self, options: dict[str, Any], environment: dict[str, str]) -> list[Child]:
        data, address = settings.QMC_DATA_DIR, ["--address", options["address"]]
        own = netloc(loopback_for(options["address"]), options["node_port"])
        return [
            Child("console", [*MODULE, "serve", "console", *address, "--port", str(options["port"])], environment),
            Child("node-api", [*MODULE, "serve", "node-api", *address, "--port", str(options["node_port"])], environment | {"QMC_PROCESS": "node-api"}),
            Child("worker", [*CELERY, "worker", "-P", "threads", "-c", "3", "-Q", "sign,default", "--without-gossip", "--without-mingle", "--without-heartbeat"], environment, passphrase=True),
            Child("beat", [*CELERY, "beat", "-S", "celery.beat:Scheduler", "--pidfile="], environment),
            Child("central-agent", ["-m", "agent", "serve", "--home", str(data / "node"), "--no-listen", "--central-address", own], environment),
            *(
                Child("metrics", [*MODULE, "serve", "metrics", *address, "--port", str(port)], environment | {"QMC_PROCESS": "metrics"})
                for port in [options["metrics_port"]]
                if port
            ),
            *(
                Child(f"agent-{loopback}", ["-m", "agent", "serve", "--home", str(data / "agents" / loopback), "--address", loopback, "--setup-address", loopback], environment)
                for loopback in options["agent"]
            ),
        ]  # fmt: skip

    def _say(self, options: dict[str, Any], sign_in: str) -> None:
        address = f"https://{netloc(loopback_for(options['address']), options['port'])}"
        lines = [
            f"Version:  {VERSION}",
            f"Console:  {address}/  (its root certificate: {settings.NODE_STORE}/current/machine/root/roots.pem)",
            sign_in,
            f"Token:    {QMC} create_token USER --name NAME --data-dir {settings.QMC_DATA_DIR}",
        ]
        lines += [_agent_line(loopback) for loopback in options["agent"]]
        lines += [
            f"Next:     sign in and register a node at {address}/nodes/register/, or run docs/register-node.sh. Ctrl-C stops everything."
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()

    def _end(self, children: list[Child]) -> None:
        for is_worker in (False, True):  # a worker signs the audit log at its end, after what the others have written
            _end([child.process for child in children if child.process is not None and (child.name == "worker") == is_worker])
        if (file := database_file(connection)) is not None:
            log_empty(file)
