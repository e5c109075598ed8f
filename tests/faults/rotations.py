"""A rotation on a site with two workers: every process that reaches a step is killed, and a node joins with a package from before."""

import contextlib
import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sitekit.site import Site
from tests.faults.conftest import Case
from tests.faults.steps import Step, who_reached


class Hunt:
    """Kills every process that reaches one of `steps`, at once: it may be inside the only transaction that SQLite has."""

    def __init__(self, site: Site, steps: tuple[Step, ...]) -> None:
        self.steps, self.folder = steps, Path(site.environment["QMC_FAULTS"])
        self.killed: set[str] = set()
        self.over, self.thread = threading.Event(), threading.Thread(target=self._hunt)

    def begin(self) -> None:
        for step in self.steps:
            (self.folder / f"{step.name}@rotation.new").write_text(json.dumps({"fault": "pause", "name": "", "id": ""}))
            (self.folder / f"{step.name}@rotation.new").rename(self.folder / f"{step.name}@rotation")
        self.thread.start()

    def _hunt(self) -> None:
        while not self.over.wait(0.1):
            for step in self.steps:
                if step.name not in self.killed and (pid := who_reached(self.folder, f"{step.name}@rotation")):
                    self.killed.add(step.name)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def is_over(self) -> bool:
        """Every process to be killed was killed."""
        return self.killed == {step.name for step in self.steps}

    def end(self) -> None:
        self.over.set()
        if self.thread.ident:
            self.thread.join()


class Rotation:
    """One rotation of `kind`, with `nodes` registered nodes, and one whose password is typed afterwards."""

    kind: str

    def __init__(self, site: Site, folder: Path, steps: tuple[Step, ...], *, nodes: int) -> None:
        self.site, self.hunt = site, Hunt(site, steps)
        self.cases = [Case(site, folder / f"node{number}") for number in range(nodes)]
        self.late = Case(site, folder / "late")

    def prepare(self) -> None:
        """The nodes, and a kill asked for at each step."""
        self.site.wait(self.site.answers)
        for node in self.site.call("GET", "/nodes/?page_size=500")[1]["results"]:
            if node["name"] != "central":  # what other tests left behind has no agent any more
                self.site.call("POST", f"/nodes/{node['id']}/decommission/")
        for case in [*self.cases, self.late]:
            case.arrive()
            assert case.register() == 202
        for case in self.cases:
            assert case.converge() == "registered"
        self.site.wait(lambda: self.late.state() == "awaiting_password")
        self.hunt.begin()

    def newest_rotation(self) -> dict[str, Any]:
        status, answer = self.site.call("GET", "/rotations/")
        assert status == 200, answer
        newest: dict[str, Any] = answer["results"][0]
        return newest

    def start(self) -> None:
        """Four administrators at once: one rotation begins."""
        with ThreadPoolExecutor(4) as administrators:
            answers = list(administrators.map(lambda _: self.site.call("POST", "/rotations/", {"kind": self.kind}), range(4)))
        assert sorted(status for status, _ in answers) == [201, 409, 409, 409]
        assert {answer["type"] for status, answer in answers if status == 409} == {"urn:trust-zone:not-now"}

    def pause(self, *, paused: bool) -> int:
        return int(self.site.call("POST", f"/rotations/{self.newest_rotation()['id']}/{'pause' if paused else 'resume'}/")[0])

    def is_over(self) -> bool:
        """Finished, and every process to be killed was killed."""
        return self.newest_rotation()["finished_at"] is not None and self.hunt.is_over()

    def end(self) -> None:
        self.hunt.end()
        for case in [*self.cases, self.late]:
            case.end()
