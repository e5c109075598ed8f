"""Sites whose processes stop or fail at a step on request, and cases that check the final state."""

import contextlib
import functools
import itertools
import json
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from agent.store import Store
from pki.core import verify
from sitekit.site import ROOT, Site, running_site
from tests.environment import QUICK
from tests.faults.nursery import Agent, Nursery
from tests.faults.steps import Step, who_reached

INJECT = Path(__file__).parent / "inject"
numbers = itertools.count(1)
nursery = functools.cache(lambda site: Nursery(site.environment))
REMEDIES = ("Redistribute", "redistribute", "press", "Press", "Renew", "renew")


class Case:
    """One node with an agent of its own, on a site. `ask` sets a fault at a step, `converge` waits for a good final state."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, number = site, next(numbers)
        self.name, self.address = f"case{number}x", site.address(10 + number % 240)
        self.home, self.faults, self.password, self.id = folder / "home", folder / "faults", "", ""
        self.faults.mkdir(parents=True)
        self.agent: Agent | None = None
        self.typing = self.pressing = threading.Thread()  # the administrator's hands: on the node's page and in the console

    # The agent.

    def start_agent(self) -> None:
        arguments = ("serve", "--home", str(self.home), "--address", self.address, "--setup-address", self.address)
        self.agent = nursery(self.site).start(*arguments, faults=self.faults, log=self.faults.parent / "agent.log")

    def keep_agent(self) -> None:
        """Start an agent that has ended again, as a supervisor does."""
        if self.agent is None or self.agent.ended():
            self.kill_agent()
            self.start_agent()

    def kill_agent(self) -> None:
        if self.agent is not None:
            self.agent.kill()
            self.agent = None

    def network(self, *, gone: bool) -> None:
        """As if the network of the node were cut: connections stay open and nothing answers, until it is back."""
        assert self.agent is not None
        self.agent.send(signal.SIGSTOP if gone else signal.SIGCONT)

    # The console's side.

    def arrive(self) -> None:
        """The agent waits for a package, and the console knows of the node."""
        self.start_agent()
        self.create()
        self.wait_until_listening()

    def create(self) -> None:
        status, node = self.site.call("POST", "/nodes/", {"name": self.name, "host_name": f"{self.name}.example", "address": self.address})
        assert status == 201, node
        self.id = node["id"]

    def register(self) -> int:
        """Start or restart the registration. Returns the HTTP status; 202 leaves its password here."""
        with contextlib.suppress(OSError, HTTPException):  # the console was killed under the request
            status, ceremony = self.site.call("POST", f"/nodes/{self.id}/register/")
            if status == 202:
                self.password = ceremony["password"]
            return int(status)
        return 0

    def renew(self) -> int:
        with contextlib.suppress(OSError, HTTPException):
            return int(self.site.call("POST", f"/nodes/{self.id}/renew/")[0])
        return 0

    def press(self, step: Step) -> None:
        """Start the flow that leads to `step`, and repeat that if the request was lost or the database was busy."""
        request = self.register if step.flow == "registration" else self.renew

        def insist() -> None:
            while request() in (0, 503) and not self.waits_at(step):
                self.site.wait(self.site.answers)

        self.pressing = threading.Thread(target=insist)
        self.pressing.start()

    def wait_until_listening(self) -> None:
        self.site.wait(lambda: self._setup_page() is not None, 60)

    def _setup_page(self) -> str | None:
        with contextlib.suppress(OSError):
            return self.site.read(f"http://{self.address}:4570/certificateSetup")
        return None

    def state(self) -> str:
        return str(self.site.rows(f"SELECT state FROM nodes_node WHERE name = '{self.name}'")[0][0])

    def generation(self) -> int:
        """The newest generation of the node. If an earlier node had its address, the numbers continue from there."""
        return int(self.site.rows(f"SELECT generation FROM nodes_node WHERE name = '{self.name}'")[0][0])

    def renewal_status(self) -> str:
        rows = self.site.rows(
            f"SELECT r.status FROM nodes_renewal r JOIN nodes_node n ON n.id = r.node_id WHERE n.name = '{self.name}' ORDER BY r.generation DESC"
        )
        return str(rows[0][0]) if rows else ""

    # Faults.

    def _file(self, step: Step, ending: str = "") -> Path:
        folder = self.faults if step.where == "agent" else Path(self.site.environment["QMC_FAULTS"])
        return folder / f"{step.name}@{self.name}{ending}"

    def ask(self, step: Step, fault: str = "pause") -> None:
        """Set a fault at the step, once: it stops until `go_on`, or `fault` happens."""
        self._file(step, ".new").write_text(json.dumps({"fault": fault, "name": self.name, "id": self.id}))
        self._file(step, ".new").rename(self._file(step))

    def waits_at(self, step: Step) -> int:
        """The id of the process that has reached the step, 0 if none has."""
        return who_reached(self._file(step).parent, self._file(step).name)

    def was_late(self, step: Step) -> bool:
        """Whether the process at the step did not wait for `go_on`."""
        return self._file(step, ".late").exists()

    def go_on(self, step: Step) -> None:
        self._file(step, ".go").touch()

    # The end.

    def drive(self) -> None:
        """The work of the administrator and the supervisors: type the password when it is requested, and restart the agent."""
        self.keep_agent()
        self.site.keep_further()
        if self.pressing.is_alive() or self.typing.is_alive() or self.state() != "awaiting_password":
            return
        if self.password:
            self.typing = threading.Thread(target=self._type)
            self.typing.start()
        else:
            self.register()  # the answer with the password was lost: the administrator presses Redistribute

    def _type(self) -> None:
        with contextlib.suppress(OSError):
            self.site.type(self.address, self.password)

    def converge(self, *, seconds: float = 120) -> str:
        """Wait until the node is in a final state and no work is in progress. Returns the state."""

        def at_rest() -> bool:
            self.drive()
            return self.state() in ("registered", "failed", "decommissioned") and not self._under_way()

        try:
            self.site.wait(at_rest, seconds)
        except AssertionError as exc:
            exc.add_note("\n".join(self._story()))
            raise
        return self.state()

    def _story(self) -> Iterator[str]:
        """What a person needs to see why nothing moves."""
        yield from map(str, self.site.rows(f"SELECT state, state_reason, generation FROM nodes_node WHERE name = '{self.name}'"))
        yield from map(
            str,
            self.site.rows(
                f"SELECT title, progress, claims, next_attempt_at, lease_until, outcome FROM jobs_job WHERE title LIKE '% of {self.name}'"
            ),
        )
        yield from map(str, self.site.rows(f"SELECT kind, generation, status FROM certs_certificate WHERE holder = '{self.name}.example'"))
        yield (self.faults.parent / "agent.log").read_text()[-2000:]

    def _under_way(self) -> bool:
        unfinished = self.site.rows(f"SELECT title FROM jobs_job WHERE outcome = '' AND title LIKE '% of {self.name}'")
        return bool(unfinished) or self.renewal_status() not in ("", "proved", "failed")

    def problems(self) -> list[str]:
        """What must hold after every fault, and does not."""
        return [*self._node_problems(), *self._certificate_problems(), *self._store_problems()]

    def _node_problems(self) -> Iterator[str]:
        ((pk, state, reason),) = self.site.rows(f"SELECT id, state, state_reason FROM nodes_node WHERE name = '{self.name}'")
        if state == "failed" and not any(remedy in reason for remedy in REMEDIES):
            yield f"failed without a remedy: {reason}"
        for table in ("nodes_registration", "nodes_renewal"):
            if self.site.rows(f"SELECT id FROM {table} WHERE node_id = '{pk}' AND package IS NOT NULL"):
                yield f"a package is left in {table}"
        if self.site.rows(f"SELECT id FROM nodes_registration WHERE node_id = '{pk}' AND sealed_password IS NOT NULL"):
            yield "a password is left"
        for kind, count in self.site.rows(f"SELECT kind, count FROM nodes_callerfinding WHERE node_id = '{pk}'"):
            yield f"one machine was taken for another: {kind}, {count} times"

    def _certificate_problems(self) -> Iterator[str]:
        rows = self.site.rows(
            f"SELECT kind, generation, database_key_version, status, der IS NOT NULL, sealed_private_key IS NOT NULL FROM certs_certificate WHERE holder = '{self.name}.example'"
        )
        for intent, found in itertools.groupby(sorted(rows, key=lambda row: row[:3]), key=lambda row: row[:3]):
            signed = [row for row in found if row[4]]
            if len(signed) > 1:
                yield f"{len(signed)} certificates for one intent {intent}"
        if any(row[5] for row in rows):
            yield "a sealed key is left"
        if any(row[3] == "issuing" for row in rows):
            yield "a certificate is still being issued"
        issued = sorted(row[0] for row in rows if row[3] == "issued")
        expected = ["client", "service"] if self.state() == "registered" else [] if self.state() == "decommissioned" else issued
        if issued != expected:
            yield f"issued are {issued}, not {expected}"

    def _store_problems(self) -> Iterator[str]:
        installed = Store(self.home).current()
        if installed is None:
            if self.state() == "registered":
                yield "registered, and nothing is installed"
            return
        installed.database_key()
        exported = self.home / "Exported Certificates/.Local Certificates"
        five = {"client.pem", "client_key.pem", "root.pem", "server.pem", "server_key.pem"}
        names = {path.name for path in exported.iterdir() if not path.name.startswith(".")}  # such a one is just being written
        if names - {"crl.pem"} != five:  # the list comes with the first heartbeat
            yield "the exported files are not whole"
        modes = {stat.S_IMODE(path.stat().st_mode) for path in self.home.rglob("*.pem") if not path.is_symlink()}
        if modes != {0o600}:
            yield f"modes {modes}"
        rows = self.site.rows(
            f"SELECT sha256 FROM certs_certificate WHERE holder = '{self.name}.example' AND status = 'issued' AND kind = 'service'"
        )
        if self.state() == "registered" and rows != [(verify.fingerprint(installed.service),)]:
            yield "the node holds another service certificate than the console says"

    def end(self) -> None:
        self.kill_agent()
        for hand in (self.typing, self.pressing):
            if hand.ident:
                hand.join()


@pytest.fixture(scope="package")
def faulty_sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Site]]:
    """One site for each engine whose processes obey `Case.ask`."""

    def start(on: str) -> Site:
        folder = tmp_path_factory.mktemp(f"faults-{on}")
        (folder / "asked").mkdir()
        environment = {"QMC_FAULTS": str(folder / "asked"), "PYTHONPATH": f"{INJECT}{os.pathsep}{ROOT}", "QMC_HEARTBEAT_S": "4"}
        sites.append(stack.enter_context(running_site(folder, on, agents=0, environment=environment | QUICK, crowded=True)))
        stack.callback(nursery(sites[-1]).end)
        return sites[-1]

    sites: list[Site] = []
    with contextlib.ExitStack() as stack:
        start = functools.cache(start)
        yield start
        for site in sites:
            assert "The audit log is whole." in site.manage("verify_audit")
