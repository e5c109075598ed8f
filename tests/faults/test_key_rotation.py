"""The database key is rotated while workers are killed at every step and connections are written continuously, and no read fails."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent import connections
from agent.store import Store
from sitekit.engines import ENGINES
from sitekit.site import Site
from tests.faults.rotations import Rotation
from tests.faults.steps import ROTATION_STEPS, Step
from tests.slow import takes_minutes

MANY = 120  # connections: more than one batch


class KeyRotation(Rotation):
    """A client that continuously writes and reads connections."""

    kind = "database-key"

    def __init__(self, site: Site, folder: Path, steps: tuple[Step, ...]) -> None:
        super().__init__(site, folder, steps, nodes=2)
        self.homes: Iterator[Path] = itertools.cycle(case.home for case in self.cases)
        self.passwords: dict[str, str] = {}
        self.count = itertools.count()

    def _create(self, name: str) -> None:
        fields = {"name": name, "type": "odbc", "connection_string": "DSN=x", "username": "u", "password": f"secret of {name}"}
        status, made = self.site.call("POST", "/connections/", fields)
        assert status == 201, made
        self.passwords[made["id"]] = fields["password"]

    def write(self) -> None:
        """Change a password."""
        number = next(self.count)
        pk = list(self.passwords)[number * 7 % MANY]
        status, answer = self.site.call("PATCH", f"/connections/{pk}/", {"password": f"changed {number}"})
        assert status == 200, answer
        self.passwords[pk] = f"changed {number}"

    def read(self) -> None:
        """Each node in turn opens every password with its own keys."""
        found = {connection.id: connection.password or connection.problem for connection in connections.read(next(self.homes))}
        assert found == self.passwords

    def run(self) -> None:
        self.prepare()
        for number in range(MANY):
            self._create(f"connection {number}")
        self.start()
        assert [self.pause(paused=True), self.pause(paused=True), self.pause(paused=False)] == [202, 409, 202]

        def finished() -> bool:
            for case in self.cases:
                case.drive()
            self.write()
            self.read()
            return self.is_over()

        self.site.wait(finished, 240)
        self.check()

    def check(self) -> None:
        rotation = self.newest_rotation()
        assert (rotation["rows_done"], rotation["unreadable"], rotation["waits_for"]) == (rotation["rows_total"], [], [])
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


@takes_minutes
def test_a_rotation_survives_a_kill_at_every_step(faulty_sites: Callable[[str], Site], tmp_path: Path) -> None:
    rotations = [KeyRotation(faulty_sites(on), tmp_path / on, ROTATION_STEPS) for on in ENGINES]
    try:
        with ThreadPoolExecutor(len(rotations)) as pool:
            list(pool.map(KeyRotation.run, rotations))
    finally:
        for rotation in rotations:
            rotation.end()
