"""The root is replaced while workers are killed at every step and nodes have faults. No handshake between two running nodes fails."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agent.store import Store
from pki.core.verify import fingerprint
from sitekit.engines import ENGINES
from sitekit.probe import Place, Probe
from sitekit.site import Site
from tests.faults.conftest import Case
from tests.faults.rotations import Rotation
from tests.faults.steps import BY_NAME, ROOT_STEPS, Step
from tests.slow import takes_minutes


class RootRotation(Rotation):
    """Four nodes: one is down at the start and cut off as it trusts both, one has a full disk, one is killed as it has installed, one comes back as of
    an old snapshot."""

    kind = "root"

    def __init__(self, site: Site, folder: Path, steps: tuple[Step, ...]) -> None:
        super().__init__(site, folder, steps, nodes=4)
        self.down, self.full, self.installing, self.old = self.cases

    def run(self) -> None:
        self.prepare()
        with Probe([Place(case.name, str(case.home), f"{case.name}.example", case.address) for case in self.cases], per_second=15) as probe:
            self.suffer(probe)
            report = probe.report()
        assert report.failures == [], report.failures[:3]
        assert min(report.dials.values()) > 0, report.dials
        self.check()

    def progress_of(self, case: Case) -> dict[str, Any]:
        """The node's line of the matrix, once the rotation shows it."""
        return next((node for node in self.newest_rotation()["nodes"] if node["name"] == case.name), {})

    def until(self, true: Callable[[], bool], *up: Case) -> None:
        """While the agents of `up` are restarted when they end."""

        def so() -> bool:
            for case in up:
                case.drive()
            self.site.keep_further()
            return true()

        try:
            self.site.wait(so, 240)  # each kill costs a lease of 30 s
        except AssertionError as exc:
            jobs = self.site.rows("SELECT title, progress, claims, next_attempt_at, lease_until FROM jobs_job WHERE outcome = ''")
            exc.add_note(f"{self.newest_rotation()}\nkilled: {self.hunt.killed}\nunfinished: {jobs}")
            raise

    def settle(self, case: Case) -> None:
        """The machine was restored from a snapshot: it gets no new keys until a person confirms that only one machine runs."""
        needs = self.site.call("GET", "/attention/?page_size=500")[1]["results"]
        assert ("node-two-callers", case.name) in {(need["code"], need["subject"]) for need in needs}, needs
        (node,) = self.site.call("GET", f"/nodes/?search={case.name}.example")[1]["results"]
        assert self.site.call("POST", f"/nodes/{node['id']}/callers-settled/")[0] == 200

    def suffer(self, probe: Probe) -> None:
        snapshot = self.old.home.with_name("snapshot")
        others = (self.full, self.installing, self.old)
        with probe.without(self.down.name):
            self.down.kill_agent()
            self.start()
            self.until(
                lambda: {waiting["name"] for waiting in self.newest_rotation()["waits_for"]} == {self.down.name, self.late.name}, *others
            )
            assert self.newest_rotation()["phase"] == "trusting"
            shutil.copytree(self.old.home, snapshot, symlinks=True)
            self.down.start_agent()
            self.until(lambda: bool(self.progress_of(self.down).get("trusts")), *others, self.down)
        self.full.ask(BY_NAME["renewal-file-not-synced"], "full disk")
        self.installing.ask(BY_NAME["renewal-installed"])
        with probe.without(self.installing.name):
            with probe.without(self.down.name):
                self.down.network(gone=True)
                # The late one's package is of before: only when it has joined and trusts both, the new root issues.
                self.until(lambda: self.installing.waits_at(BY_NAME["renewal-installed"]), self.full, self.old, self.late)
                self.installing.kill_agent()
                self.until(lambda: bool(self.progress_of(self.old)["accepted"]), self.full, self.old, self.late)
                assert self.progress_of(self.down)["trusts"]
                assert not self.progress_of(self.down)["accepted"]
                self.down.network(gone=False)
                self.until(lambda: bool(self.progress_of(self.down)["accepted"]), self.down, self.full, self.old, self.late)
            with probe.without(self.old.name):
                self.old.kill_agent()
                shutil.rmtree(self.old.home)
                snapshot.rename(self.old.home)
                self.old.start_agent()
                self.until(lambda: not self.progress_of(self.old)["accepted"], self.old)
                self.settle(self.old)
                self.until(lambda: bool(self.progress_of(self.old)["accepted"]), self.down, self.full, self.old, self.late)
            self.installing.start_agent()
            self.until(lambda: bool(self.progress_of(self.installing)["accepted"]), *self.cases, self.late)
        self.until(self.is_over, *self.cases, self.late)

    def check(self) -> None:
        rotation = self.newest_rotation()
        assert (rotation["phase"], rotation["waits_for"], rotation["percent"]) == ("finished", [], 100)
        roots = self.site.rows(
            "SELECT status, sha256 FROM certs_certificate WHERE kind = 'root' AND status <> 'failed' ORDER BY generation DESC"
        )
        assert [status for status, _ in roots][:2] == ["issued", "superseded"]
        ((newest,),) = self.site.rows("SELECT sha256 FROM certs_certificate WHERE kind = 'root' AND status = 'issued'")
        for home in [*(case.home for case in [*self.cases, self.late]), self.site.data / "node"]:
            self.site.wait(lambda home=home: [fingerprint(root) for root in Store(home).current().roots] == [newest], 30)
        for case in [*self.cases, self.late]:
            assert case.converge() == "registered"
            assert case.problems() == []
        left = "SELECT COUNT(*) FROM certs_certificate WHERE status <> 'issued' AND (sealed_private_key IS NOT NULL OR encrypted_private_key IS NOT NULL)"
        assert self.site.rows(left) == [(0,)]
        once = "SELECT kind, generation FROM certs_certificate WHERE kind IN ('root', 'cluster') AND der IS NOT NULL GROUP BY kind, generation HAVING COUNT(*) > 1"
        assert self.site.rows(once) == []


@takes_minutes
def test_a_new_root_survives_a_kill_at_every_step(faulty_sites: Callable[[str], Site], tmp_path: Path) -> None:
    rotations = [RootRotation(faulty_sites(on), tmp_path / on, ROOT_STEPS) for on in ENGINES]
    try:
        with ThreadPoolExecutor(len(rotations)) as pool:
            list(pool.map(RootRotation.run, rotations))
    finally:
        for rotation in rotations:
            rotation.end()
