"""The database key is rotated while workers are killed at every step, somebody writes all the time, and no read ever fails."""

import contextlib
import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agent import connections
from agent.store import Store
from tests.faults.conftest import Case
from tests.faults.steps import ROTATION_STEPS, Step
from tests.site.conftest import Site
from tests.site.engines import ENGINES

MANY = 120  # connections: more than one batch


def chosen(on: str) -> tuple[Step, ...]:
    """Two thirds of the steps, each on one of the engines; with `make faults` all of them on each."""
    return ROTATION_STEPS if os.environ.get("QMC_WHOLE") else ROTATION_STEPS[1 + ENGINES.index(on) :: 3]


class Rotation:
    """One rotation on a site with two nodes."""

    def __init__(self, site: Site, folder: Path, steps: tuple[Step, ...]) -> None:
        self.site, self.steps, self.folder = site, steps, Path(site.environment["QMC_FAULTS"])
        self.cases = [Case(site, folder / f"node{number}") for number in (1, 2)]
        # Its package is of before the rotation, its password is typed afterwards.
        self.late = Case(site, folder / "late")
        self.homes: Iterator[Path] = itertools.cycle(case.home for case in self.cases)
        self.passwords: dict[str, str] = {}
        self.killed: set[str] = set()
        self.count = itertools.count()

    def prepare(self) -> None:
        """Two nodes, many connections, and a kill asked for at each step."""
        self.site.wait(self.site.answers)
        for node in self.site.call("GET", "/nodes/?page_size=500")[1]["results"]:
            if node["name"] != "central":  # what other tests left behind has no agent any more
                self.site.call("POST", f"/nodes/{node['id']}/decommission/")
        for case in self.cases:
            case.start_agent()
            case.create()
            case.wait_until_listening()
            assert case.register() == 202
        for case in self.cases:
            assert case.converge() == "registered"
        self.late.start_agent()
        self.late.create()
        self.late.wait_until_listening()
        assert self.late.register() == 202
        self.site.wait(lambda: self.late.state() == "awaiting_password")
        for number in range(MANY):
            self._create(f"connection {number}")
        for step in self.steps:
            (self.folder / f"{step.name}@rotation.new").write_text(json.dumps({"fault": "pause", "name": "", "id": ""}))
            (self.folder / f"{step.name}@rotation.new").rename(self.folder / f"{step.name}@rotation")

    def _create(self, name: str) -> None:
        fields = {"name": name, "type": "odbc", "connection_string": "DSN=x", "username": "u", "password": f"secret of {name}"}
        status, made = self.site.call("POST", "/connections/", fields)
        assert status == 201, made
        self.passwords[made["id"]] = fields["password"]

    def write(self) -> None:
        """Somebody changes a password."""
        number = next(self.count)
        pk = list(self.passwords)[number * 7 % MANY]
        status, answer = self.site.call("PATCH", f"/connections/{pk}/", {"password": f"changed {number}"})
        assert status == 200, answer
        self.passwords[pk] = f"changed {number}"

    def read(self) -> None:
        """One node after the other opens every password with its own keys."""
        found = {each.id: each.password or each.problem for each in connections.read(next(self.homes))}
        assert found == self.passwords

    def kill(self) -> None:
        """Whoever has reached a step dies there."""
        for step in self.steps:
            reached = self.folder / f"{step.name}@rotation.reached"
            if step.name not in self.killed and reached.exists() and (pid := reached.read_text()):
                self.killed.add(step.name)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

    def told(self) -> dict[str, Any]:
        status, answer = self.site.call("GET", "/rotations/")
        assert status == 200, answer
        newest: dict[str, Any] = answer["results"][0]
        return newest

    def start(self) -> None:
        """Four administrators at once: one rotation begins."""
        with ThreadPoolExecutor(4) as administrators:
            answers = list(administrators.map(lambda _: self.site.call("POST", "/rotations/", {"kind": "database-key"}), range(4)))
        assert sorted(status for status, _ in answers) == [201, 409, 409, 409]
        assert {answer["type"] for status, answer in answers if status == 409} == {"urn:trust-zone:not-now"}

    def run(self) -> None:
        self.prepare()
        self.start()
        paused = f"/rotations/{self.told()['id']}/pause/"
        assert self.site.call("POST", paused)[0] == 202
        assert self.site.call("POST", paused)[0] == 409
        assert self.site.call("POST", paused.replace("pause", "resume"))[0] == 202

        def finished() -> bool:
            for case in self.cases:
                case.drive()
            self.kill()
            self.write()
            self.read()
            return self.told()["finished_at"] is not None and self.killed == {step.name for step in self.steps}

        self.site.wait(finished, 240)
        self.check()

    def check(self) -> None:
        told = self.told()
        assert (told["rows_done"], told["unreadable"], told["waits_for"]) == (told["rows_total"], [], [])
        rows = self.site.rows("SELECT status, key_id FROM certs_databasekey ORDER BY version DESC")
        assert [status for status, _ in rows] == ["writing", *["retired"] * (len(rows) - 1)]
        newest = rows[0][1]
        assert self.late.converge() == "registered"
        self.site.wait(lambda: self.late.renewal_status() == "proved", 60)
        for home in [*(case.home for case in [*self.cases, self.late]), self.site.data / "node"]:
            self.site.wait(lambda home=home: list(Store(home).key_ring().keys) == [newest], 30)
        for case in [*self.cases, self.late]:
            assert case.problems() == []
        self.homes = itertools.chain([self.late.home], self.homes)
        for _ in range(3):
            self.read()
        sealed = "SELECT COUNT(*) FROM certs_certificate WHERE status <> 'issued' AND sealed_private_key IS NOT NULL"
        assert self.site.rows(sealed) == [(0,)]

    def end(self) -> None:
        for case in [*self.cases, self.late]:
            case.end()


def test_a_rotation_survives_a_kill_at_every_step(faulty_sites: Callable[[str], Site], tmp_path: Path) -> None:
    rotations = [Rotation(faulty_sites(on), tmp_path / on, chosen(on)) for on in ENGINES]
    try:
        with ThreadPoolExecutor(len(rotations)) as pool:
            list(pool.map(Rotation.run, rotations))
    finally:
        for each in rotations:
            each.end()
