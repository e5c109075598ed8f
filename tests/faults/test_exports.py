"""Exports while the worker is killed at every step: made once and complete, on the disk and in the database, and removed when they are revoked."""

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from sitekit.engines import ENGINES
from sitekit.site import Site
from tests.certs.exports.exported import PEM_FILES, SECRET
from tests.faults.steps import EXPORT_STEPS, REMOVAL_STEPS, Step, who_reached
from tests.slow import takes_minutes


class Exports:
    """One export for each step, all at once: the process that reaches its step is killed there."""

    def __init__(self, site: Site, steps: Iterable[Step]) -> None:
        self.site, self.asked, self.exported = site, Path(site.environment["QMC_FAULTS"]), site.data / "node/Exported Certificates"
        self.machines = {step: f"{step.name}-{os.getpid()}.example" for step in steps}
        self.ids: dict[Step, str] = {}
        self.left: set[Step] = set()

    def ask_for(self, steps: dict[Step, Step]) -> None:
        """Set the kill for the process that reaches the step with this export."""
        self.left = set(steps)
        for step, of in steps.items():
            request = {"fault": "pause", "name": self.machines[of] if "{name}" in step.match else "", "id": "none"}
            (self.asked / f"{step.name}@exports.new").write_text(json.dumps(request))
            (self.asked / f"{step.name}@exports.new").rename(self.asked / f"{step.name}@exports")

    def make(self) -> None:
        self.ask_for({step: step for step in self.machines})
        status, made = self.site.call(
            "POST", "/exports/", {"machine_names": [*self.machines.values()], "format": "pem", "password": SECRET}
        )
        assert status == 202, made
        by_machine = {export["machine_name"]: export["id"] for export in made["results"]}
        self.ids = {step: by_machine[machine] for step, machine in self.machines.items()}
        self.site.wait(self.is_over, 180)

    def revoke(self, steps: Iterable[Step]) -> None:
        self.ask_for(dict(zip(steps, self.machines, strict=False)))
        for pk in self.ids.values():
            assert self.site.call("POST", f"/exports/{pk}/revoke/", {"reason": "to see"})[0] == 200
        self.site.wait(self.is_over, 120)

    def is_over(self) -> bool:
        """No work is in progress, and every requested kill has happened."""
        self.site.keep_further()
        for step in list(self.left):
            if pid := who_reached(self.asked, f"{step.name}@exports"):
                self.left.discard(step)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return not self.left and not self.site.rows("SELECT 1 FROM jobs_job WHERE outcome = '' AND title LIKE '%xport%'")

    def _rows(self, what: str, table: str, of: str, step: Step) -> list[tuple[object, ...]]:
        pk = self.ids[step] if self.site.database else UUID(self.ids[step]).hex
        return self.site.rows(f"SELECT {what} FROM {table} WHERE {of} = '{pk}'")

    def is_made(self, step: Step) -> None:
        assert self._rows("status, made_generation, folder_generation, folder_problem", "certs_export", "id", step) == [("made", 1, 1, "")]
        assert self._rows("1", "certs_export", "sealed_password IS NULL AND archive IS NOT NULL AND id", step)
        rows = self._rows("kind, status, sealed_private_key IS NULL", "certs_certificate", "holder_id", step)
        assert sorted((str(kind), bool(wiped)) for kind, status, wiped in rows if status == "issued") == [
            ("client", True),
            ("service", True),
        ]
        assert {status for _, status, _ in rows} <= {"issued", "failed"}
        assert all(wiped for _, _, wiped in rows)
        assert sorted(path.name for path in (self.exported / self.machines[step]).iterdir()) == PEM_FILES
        assert len(self.folders(step)) == 1

    def is_gone(self, step: Step) -> None:
        assert self._rows("status, folder, folder_problem", "certs_export", "id", step) == [("revoked", "", "")]
        assert self._rows("1", "certs_export", "archive IS NULL AND id", step)
        assert not os.path.lexists(self.exported / self.machines[step])
        assert self.folders(step) == []

    def folders(self, step: Step) -> list[Path]:
        return list((self.exported / ".exports").glob(f"{self.ids[step]}-*"))


def survive(site: Site) -> None:
    site.wait(site.answers)
    exports = Exports(site, EXPORT_STEPS)
    exports.make()
    for step in exports.machines:
        exports.is_made(step)
    exports.revoke(REMOVAL_STEPS)
    for step in exports.machines:
        exports.is_gone(step)


@takes_minutes
def test_exports_survive_a_kill_at_every_step(faulty_sites: Callable[[str], Site], record_property: Callable[[str, object], None]) -> None:
    with ThreadPoolExecutor(len(ENGINES)) as pool:
        list(pool.map(survive, [faulty_sites(on) for on in ENGINES]))
    record_property("exports", f"killed at {len(EXPORT_STEPS + REMOVAL_STEPS)} steps on each engine")
