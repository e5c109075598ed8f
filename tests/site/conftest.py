"""A whole site of real processes: console, node API, worker, beat and two unregistered agents."""

import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def free_network() -> str:
    """The first two numbers of loopback addresses that nobody else on this machine uses: every run takes its own."""
    return f"127.{os.getpid() % 120 + 100}"


networks = itertools.count()


class Site:
    """The running site, and its API as a client sees it."""

    def __init__(self, data: Path, *, agents: int = 2) -> None:
        self.data, self.port, self.node_port = data, free_port(), free_port()
        self.network = f"{free_network()}.{next(networks)}"
        self.agents = tuple(self.address(number) for number in range(2, 2 + agents))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("QMC_")} | {"QMC_DATA_DIR": str(data)}
        command = [sys.executable, "manage.py", "up", "--data-dir", str(data), "--port", str(self.port), "--node-port", str(self.node_port)]
        command += [word for address in self.agents for word in ("--agent", address)]
        self.output = (data.parent / "up.log").open("wb")
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=self.output, stderr=self.output, env=self.environment)
        self.token = ""

    def address(self, number: int) -> str:
        """A loopback address of this site's own."""
        return f"{self.network}.{number}"

    def start(self) -> None:
        self.wait(lambda: self._answers(), 90)
        self.token = self.manage("create_token", "admin", "--name", "tests").strip()

    def _answers(self) -> bool:
        try:
            return self.call("GET", "/nodes/")[0] == 401
        except OSError:
            return False

    def manage(self, *words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=self.environment).stdout

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        roots = self.data / "node/current/machine/root/roots.pem"
        context = ssl.create_default_context(cafile=roots)
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Token {self.token}"} if self.token else {})
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}/api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                content = answer.read()
                return answer.status, json.loads(content) if "json" in answer.headers["Content-Type"] else content.decode()
        except urllib.error.HTTPError as exc:
            with exc:
                content = exc.read()
                return exc.code, json.loads(content) if "json" in exc.headers.get("Content-Type", "") else content.decode()

    def wait(self, true: Any, seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert self.process.poll() is None, (self.data.parent / "up.log").read_text()
            assert time.monotonic() < deadline, self.tell()
            time.sleep(0.2)

    def tell(self) -> str:
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in sorted((self.data / "logs").glob("*.log")))

    def node(self, pk: str) -> dict[str, Any]:
        return self.call("GET", f"/nodes/{pk}/")[1]

    def wait_for_state(self, pk: str, state: str, seconds: float = 40) -> dict[str, Any]:
        self.wait(lambda: self.node(pk)["state"] in (state, "failed"), seconds)
        node = self.node(pk)
        assert node["state"] == state, node["state_reason"] + self.tell()
        return node

    def type(self, address: str, word: str) -> tuple[int, str]:
        data = urllib.parse.urlencode({"__pwd": word}).encode()
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
        assert self.type(address, ceremony["password"])[0] == 200
        self.wait_for_state(node["id"], "registered")
        return node["id"], ceremony["password"]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.output.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = Site(tmp_path_factory.mktemp("site") / "var")
    try:
        running.start()
        yield running
    finally:
        running.stop()
