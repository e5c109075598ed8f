"""A whole site of real processes, for tests and benches: console, node API, worker, beat and two unregistered agents."""

import contextlib
import itertools
import json
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery
from psycopg import sql
from redis import Redis

from agent.store import Store
from sitekit.engines import engine, free_port
from sitekit.probe import Place

ROOT = Path(__file__).parent.parent


def free_network() -> str:
    """The first two numbers of loopback addresses that no other run on this machine uses."""
    return f"127.{os.getpid() % 120 + 100}"


networks = itertools.count()
TAKEN = (200, 202)  # installed, or on a busy machine still being opened when the page was answered
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which the ssl module does not name


class Site:
    """A running site, with a client of its API."""

    program: tuple[str, ...] = (sys.executable, "manage.py")
    cwd = ROOT

    def __init__(self, data: Path, *, agents: int = 2, environment: dict[str, str] | None = None, node_port: int = 0) -> None:
        self.data, self.port, self.node_port = data, free_port(), node_port or free_port()
        self.network = f"{free_network()}.{next(networks)}"
        self.agents = tuple(self.address(number) for number in range(2, 2 + agents))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("QMC_", "PYTHONDEVMODE"))}
        self.environment |= {"QMC_DATA_DIR": str(data)} | (environment or {})
        self.environment["SSL_CERT_FILE"] = os.devnull  # public certificate authorities are neither trusted nor loaded
        self.further: dict[str, subprocess.Popen[bytes]] = {}
        self.database: psycopg.Connection | None = None
        self.commands: dict[str, list[str]] = {}
        self.keeping = threading.Lock()  # several threads of a test may find a process that has ended
        command = [*self.program, "up", "--data-dir", str(data), "--port", str(self.port), "--node-port", str(self.node_port)]
        command += [argument for address in self.agents for argument in ("--agent", address)]
        self.output = (data.parent / "up.log").open("wb")
        # A umask that makes new files readable for all accounts.
        self.process = subprocess.Popen(command, cwd=self.cwd, stdout=self.output, stderr=self.output, env=self.environment, umask=0)
        self.token = ""
        self.further_roots = ""  # the issuer of the console's browser certificate, PEM

    def address(self, number: int) -> str:
        """A loopback address that only this site uses."""
        return f"{self.network}.{number}"

    def start(self) -> None:
        self.wait(lambda: self.answers(), 180)
        if url := self.environment.get("DATABASE_URL"):
            self.database = psycopg.connect(url, autocommit=True)
        self.token = self.manage("create_token", "admin", "--name", "tests", "--skip-checks").strip()

    def start_second_worker_and_beat(self) -> None:
        """Start processes as on a second machine, with the same database and broker."""
        celery = [sys.executable, "-m", "celery", "-A", "qmc"]
        worker = [*celery, "worker", "-P", "threads", "-c", "4", "-Q", "sign,default", "--without-gossip", "--without-mingle"]
        beat_command = [*celery, "beat", "-S", "celery.beat:Scheduler", "--pidfile="]
        self.commands = {"worker-2": worker, "beat-2": beat_command}
        self.keep_further()

    def keep_further(self) -> None:
        """Start an unsupervised process, or one that was killed."""
        for name, command in self.commands.items():
            with self.keeping, (self.data / f"logs/{name}.log").open("ab") as log:
                if name not in self.further or self.further[name].poll() is not None:
                    self.further[name] = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=self.environment)

    def pids(self, *words: str) -> list[int]:
        """The site's processes whose command line contains all `words`."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                mine = f"QMC_DATA_DIR={self.data}\0".encode() in (path / "environ").read_bytes()
                if mine and set(words) <= set((path / "cmdline").read_text().split("\0")):
                    found.append(int(path.name))
        return found

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of `query` from the site's database."""
        if self.database:
            return self.database.execute(query).fetchall()  # type: ignore[call-overload]
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/db.sqlite3?mode=ro", uri=True, timeout=20)) as database:
            return database.execute(query).fetchall()

    def empty_broker(self) -> None:
        """Delete all messages that are on their way to a worker."""
        if url := self.environment.get("CELERY_BROKER_URL"):
            with Redis.from_url(url) as broker:
                broker.flushall()
        for path in (self.data / "broker/messages").glob("*.msg"):  # messages that are being written are not on their way yet
            path.unlink(missing_ok=True)

    def nudge(self, times: int) -> None:
        """Send messages without a job."""
        folders = {name: str(self.data / "broker/messages") for name in ("data_folder_in", "data_folder_out")}
        with Celery(broker=self.environment.get("CELERY_BROKER_URL", "filesystem://localhost")) as client:
            client.conf.broker_transport_options = {} if "CELERY_BROKER_URL" in self.environment else folders
            for _ in range(times):
                client.send_task("jobs.tasks.run", queue="sign", ignore_result=True)

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """The content of logs, database and broker."""
        folders = (path for folder in ("logs", "broker") for path in (self.data / folder).rglob("*"))
        for path in [self.data.parent / "up.log", *self.data.glob("db.sqlite3*"), *folders]:
            if path.is_file():
                yield str(path), path.read_bytes()
        if self.database:
            for (table,) in self.database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
                rows = self.database.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()
                yield table, b"\n".join(column if isinstance(column, bytes) else str(column).encode() for row in rows for column in row)
        if url := self.environment.get("CELERY_BROKER_URL"):
            with Redis.from_url(url) as broker:
                for key in broker.scan_iter():
                    yield str(key), broker.dump(key) or b""

    def restart_agent(self, address: str) -> None:
        """Terminate the agent on `address`. Its supervisor starts it again."""
        subprocess.run(["pkill", "-TERM", "-f", f"agent serve --home {self.data}/agents/{address} "], check=True)

    def answers(self) -> bool:
        try:
            return self.call("GET", "/nodes/")[0] in (200, 401)
        except (OSError, HTTPException):
            return False

    def manage(self, *words: str) -> str:
        command = [*self.program, *words]
        return subprocess.run(command, cwd=self.cwd, capture_output=True, text=True, check=True, env=self.environment).stdout

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        roots = self.data / "node/current/machine/root/roots.pem"
        context = ssl.create_default_context(cafile=roots)
        if self.further_roots:
            context.load_verify_locations(cadata=self.further_roots)
        if "FAKETIME_TIMESTAMP_FILE" in self.environment:
            context.verify_flags |= NO_CHECK_TIME  # the site is years ahead of this process
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Token {self.token}"} if self.token else {})
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}/api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                content = answer.read()
                return answer.status, json.loads(content) if "json" in answer.headers.get("Content-Type", "") else content.decode()
        except urllib.error.HTTPError as exc:
            with exc:
                content = exc.read()
                return exc.code, json.loads(content) if "json" in exc.headers.get("Content-Type", "") else content.decode()

    def central(self) -> Place:
        """The central node, as a node of the probe."""
        store = Store(self.data / "node").current()
        assert store is not None
        return Place("central", str(self.data / "node"), store.host_name, "127.0.0.1", self.node_port)

    @staticmethod
    def place(name: str, home: Path, address: str) -> Place:
        """A node that `register` made with this name, as a node of the probe."""
        return Place(name, str(home), f"{name}.example", address)

    def wait(self, true: Any, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert self.process.poll() is None, (self.data.parent / "up.log").read_text()
            assert time.monotonic() < deadline, f"waited {seconds} s in vain\n{self.tell()}"
            time.sleep(0.2)

    def tell(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted((self.data / "logs").glob("*.log")))

    def node(self, pk: str) -> dict[str, Any]:
        return self.call("GET", f"/nodes/{pk}/")[1]

    def wait_for_state(self, pk: str, state: str, seconds: float = 120) -> dict[str, Any]:
        self.wait(lambda: self.node(pk)["state"] in (state, "failed"), seconds)
        node = self.node(pk)
        assert node["state"] == state, node["state_reason"] + self.tell()
        return node

    @staticmethod
    def read(url: str) -> str:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()

    def type(self, address: str, password: str) -> tuple[int, str]:
        data = urllib.parse.urlencode({"__pwd": password}).encode()
        try:
            with urllib.request.urlopen(f"http://{address}:4570/certificateSetup", data, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.read().decode()

    def register(self, name: str, address: str) -> tuple[str, str]:
        """Create, register and unlock. Returns the node's id and the password that was used."""
        status, node = self.call(
            "POST", "/nodes/", {"name": name, "host_name": f"{name}.example", "address": address, "services": ["engine"]}
        )
        assert status == 201, node
        status, ceremony = self.call("POST", f"/nodes/{node['id']}/register/")
        assert status == 202, ceremony
        self.wait_for_state(node["id"], "awaiting_password")
        assert self.type(address, ceremony["password"])[0] in TAKEN
        self.wait_for_state(node["id"], "registered")
        return node["id"], ceremony["password"]

    def die(self) -> None:
        """Kill the supervisor. Every process ends with it."""
        self.process.kill()
        self.process.wait(20)
        deadline = time.monotonic() + 5
        while left := self.pids():
            assert time.monotonic() < deadline, left
            time.sleep(0.1)

    def stop(self) -> None:
        """Terminate all processes together. Those that do not end in time are killed."""
        processes = [self.process, *self.further.values()]
        try:
            for process in processes:
                process.send_signal(signal.SIGINT if process is self.process else signal.SIGTERM)
            for process in processes:
                process.wait(20)
        finally:
            for process in processes:
                process.kill()
            if self.database:
                self.database.close()
            self.output.close()


@contextlib.contextmanager
def running_site(
    folder: Path, on: str = "embedded", *, agents: int = 2, environment: dict[str, str] | None = None, crowded: bool = False
) -> Iterator[Site]:
    """A site on the engine `on`, with two workers and two beats if it is `crowded`."""
    with engine(on, folder / "engine") as its_environment:
        running = Site(folder / "var", agents=agents, environment=its_environment | (environment or {}))
        try:
            running.start()
            if crowded:
                running.start_second_worker_and_beat()
            yield running
        finally:
            running.stop()
