"""The recipe of docs/security.md over real processes: web processes and workers under two accounts register and renew a node."""

import contextlib
import grp
import json
import os
import signal
import ssl
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sitekit.engines import free_port
from tests.accounts import ROOT, WEB, WORKER, _as, _environment, needs_root, python, reachable_folder, readable, run
from tests.environment import QUICK
from tests.slow import takes_minutes

CELERY = ("-m", "celery", "-A", "qmc")


class Recipe:
    """Each process under the account that the recipe gives it."""

    def __init__(self, folder: Path, group: grp.struct_group) -> None:
        self.folder, self.groups, self.port, self.node_port = folder, (group.gr_gid,), free_port(), free_port()
        self.environment = QUICK | {"QMC_DATA_DIR": str(folder), "QMC_GROUP": group.gr_name}
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, uid: int, name: str, *words: str, **further: str) -> None:
        with (self.folder.parent / f"{name}.log").open("wb") as log:
            self.running.append(
                subprocess.Popen(
                    [python(uid), *words], cwd=ROOT, env=_environment(self.environment | further), stdout=log, stderr=log, umask=0, **_as(uid, self.groups)
                )
            )  # fmt: skip

    def api(self, method: str, path: str, token: str, body: bytes | None = None) -> Any:
        context = ssl.create_default_context(cafile=self.folder / "node/current/machine/root/roots.pem")
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"https://127.0.0.1:{self.port}/api/v1{path}", body, headers, method=method)
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:
            return json.loads(answer.read())

    def wait(self, true: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if true():
                    return
            logs = {path.name: path.read_text()[-1500:] for path in self.folder.parent.glob("*.log")}
            assert time.monotonic() < deadline, "\n".join(f"--- {name}\n{text}" for name, text in logs.items())
            time.sleep(0.3)

    def stop(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            process.wait()


@pytest.fixture
def recipe() -> Iterator[Recipe]:
    group = next(candidate for candidate in grp.getgrall() if candidate.gr_gid not in (0, os.getegid()))
    with reachable_folder(WORKER) as folder:
        made = Recipe(folder, group)
        try:
            yield made
        finally:
            made.stop()


@needs_root
@takes_minutes
def test_a_node_is_registered_and_renewed_and_the_web_account_never_reads_the_passphrase(recipe: Recipe) -> None:
    folder, shared = recipe.folder, recipe.environment
    addresses = ("--node-api-address", f"127.0.0.1:{recipe.node_port}")
    run("manage.py", "init", "--host-name", "central.example", *addresses, uid=WORKER, groups=recipe.groups, **shared)
    web = {"QMC_ROOT_PASSPHRASE_FILE": ""}
    recipe.start(WORKER, "worker", *CELERY, "worker", "-P", "threads", "-c", "3", "-Q", "sign,default")
    recipe.start(
        WORKER, "central-agent", "-m", "agent", "serve", "--home", str(folder / "node"), "--no-listen", "--central-address", addresses[1]
    )
    recipe.start(WEB, "console", "manage.py", "serve", "console", "--port", str(recipe.port), **web)
    recipe.start(WEB, "node-api", "manage.py", "serve", "node-api", "--port", str(recipe.node_port), QMC_PROCESS="node-api", **web)
    recipe.start(WEB, "beat", *CELERY, "beat", "-S", "celery.beat:Scheduler", "--pidfile=", **web)
    address = f"127.{os.getpid() % 120 + 100}.99.2"
    home = folder.parent / "rim1"
    home.mkdir()
    recipe.start(0, "agent", "-m", "agent", "serve", "--home", str(home), "--address", address, "--setup-address", address)
    token = run("manage.py", "create_token", "admin", "--name", "tests", uid=WEB, groups=recipe.groups, **shared, **web).strip()
    recipe.wait(lambda: recipe.api("GET", "/nodes/", token)["results"])
    node = recipe.api("POST", "/nodes/", token, b'{"name": "rim1", "host_name": "rim1.example", "address": "%s"}' % address.encode())
    ceremony = recipe.api("POST", f"/nodes/{node['id']}/register/", token)

    def state() -> str:
        return str(recipe.api("GET", f"/nodes/{node['id']}/", token)["state"])

    recipe.wait(lambda: state() == "awaiting_password")
    with urllib.request.urlopen(
        f"http://{address}:4570/certificateSetup", urllib.parse.urlencode({"__pwd": ceremony["password"]}).encode(), timeout=20
    ):
        pass
    recipe.wait(lambda: state() == "registered")
    recipe.api("POST", f"/nodes/{node['id']}/renew/", token)

    def issued() -> int:
        certificates = recipe.api("GET", f"/nodes/{node['id']}/", token)["certificates"]
        return sum(certificate["kind"] == "service" and certificate["status"] == "superseded" for certificate in certificates)

    recipe.wait(lambda: issued() == 1, 100)
    unread = {path for path in folder.rglob("*") if path.is_file()} - readable(folder, uid=WEB, groups=recipe.groups)
    of_the_log = {f"audit/{name}" for name in ("lock", "checkpoints", "public-key.pem")}
    assert {path.relative_to(folder).as_posix() for path in unread} == {"secrets/root-passphrase", "secrets/admin-password", *of_the_log}
