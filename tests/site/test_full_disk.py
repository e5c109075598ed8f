"""Disks that are really full, the central node's and a node's: refusals with an explanation, nothing is lost, and everything continues when there is space again."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sitekit.site import ROOT, TAKEN, Site, running_site
from tests.environment import QUICK
from tests.slow import takes_minutes


class Disk:
    """A small file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path, self.ballast = path, path / "ballast"

    def fill(self) -> None:
        for size in (65536, 512):
            with contextlib.suppress(OSError), self.ballast.open("ab", buffering=0) as ballast:
                while True:
                    ballast.write(b"x" * size)

    def free(self) -> None:
        self.ballast.unlink()


@contextlib.contextmanager
def mounted(path: Path, size: str) -> Iterator[Disk]:
    path.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@contextlib.contextmanager
def agent(site: Site, home: Path, address: str, log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "agent", "serve", "--home", home, "--address", address, "--setup-address", address]
    with log.open("wb") as stderr, subprocess.Popen(command, cwd=ROOT, env=site.environment, stderr=stderr) as process:
        try:
            yield
        finally:
            process.kill()


def renewal(site: Site) -> str:
    return str(site.rows("SELECT status FROM nodes_renewal ORDER BY generation DESC")[0][0])


def listens(site: Site, address: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(site.read(f"http://{address}:4570/certificateSetup"))
    return False


@takes_minutes
def test_work_stopped_by_a_full_disk_continues_when_there_is_space(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "central", "64m") as central,
        mounted(tmp_path / "node", "1m") as disk,
        running_site(central.path, agents=0, environment=QUICK | {"QMC_HEARTBEAT_S": "2"}) as site,
        agent(site, disk.path / "home", site.address(9), tmp_path / "agent.log"),
    ):
        fields: dict[str, Any] = {"name": "two", "host_name": "two.example", "address": site.address(9)}
        site.wait(lambda: listens(site, fields["address"]))

        central.fill()
        more = (fields | {"name": f"more{number}", "host_name": f"more{number}.example"} for number in itertools.count())
        site.wait(lambda: site.call("POST", "/nodes/", next(more))[0] == 503)  # what was free inside the database's own files is used first
        assert site.call("GET", "/nodes/")[0] == 200
        central.free()
        status, node = site.call("POST", "/nodes/", fields)
        assert status == 201, node

        workers = site.pids("celery", "worker")
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        status, ceremony = site.call("POST", f"/nodes/{node['id']}/register/")
        assert status == 202, ceremony
        central.fill()
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        for _ in range(10):
            time.sleep(0.5)
            assert site.node(node["id"])["state"] == "issuing"
        central.free()
        site.wait_for_state(node["id"], "awaiting_password", 60)

        disk.fill()
        status, page = site.type(fields["address"], ceremony["password"])
        assert status == 507
        assert "space" in page
        assert not list(disk.path.rglob("*.pem"))
        disk.free()
        assert site.type(fields["address"], ceremony["password"])[0] in TAKEN
        site.wait_for_state(node["id"], "registered")

        disk.fill()
        assert site.call("POST", f"/nodes/{node['id']}/renew/")[0] == 202
        site.wait(lambda: "Free space on this disk" in (tmp_path / "agent.log").read_text())
        assert renewal(site) != "proved"
        disk.free()
        site.wait(lambda: renewal(site) == "proved", 60)
        assert "The audit log is whole." in site.manage("verify_audit")
