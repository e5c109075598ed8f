"""A new root for nine nodes while every pair of them keeps talking, and two agents die in the middle."""

import contextlib
import logging
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.store import Store
from pki.verify import fingerprint
from tests.site.conftest import QUICK, Site, running_site
from tests.site.probe import Place, Probe, dial

AGENTS = 8
log = logging.getLogger(__name__)


def waits(place: Place) -> bool:
    """Whether its agent waits for a package."""
    with socket.socket() as probe:
        return probe.connect_ex((place.address, 4444)) == 0


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Site, list[Place]]]:
    """A site of its own with eight registered nodes, whose agents nobody but the test starts."""
    with running_site(tmp_path, agents=0, environment=QUICK | {"QMC_HEARTBEAT_S": "2"}) as site:
        places = [site.place(f"rim{number}", tmp_path / f"rim{number}", site.address(1 + number)) for number in range(1, 1 + AGENTS)]
        for place in places:
            where = ["--home", place.home, "--address", place.address, "--setup-address", place.address]
            site.commands[place.name] = [sys.executable, "-m", "agent", "serve", *where]
        site.keep_further()
        site.wait(lambda: all(waits(place) for place in places))
        with ThreadPoolExecutor(3) as administrators:
            list(administrators.map(lambda place: site.register(place.name, place.address), places))
        yield site, [*places, site.central()]


class Rotation:
    """The newest rotation, and the roots, as the API tells them."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def told(self) -> dict[str, Any]:
        newest: dict[str, Any] = self.site.call("GET", "/rotations/")[1]["results"][0]
        return newest

    def wait_for(self, phase: str, seconds: float = 60) -> None:
        try:
            self.site.wait(lambda: self.told()["phase"] == phase, seconds)
        except AssertionError as exc:
            exc.add_note(f"the rotation: {self.told()}")
            raise
        log.info("%s", phase)

    def roots(self) -> list[str]:
        """The SHA-256 of each root in force."""
        found = self.site.call("GET", "/certificates/?kind=root&status=issued")[1]["results"]
        return [each["sha256"] for each in found]


@contextlib.contextmanager
def killed(site: Site, probe: Probe, *places: Place) -> Iterator[None]:
    """Inside, these agents are dead; at the end each answers again."""
    with probe.without(*(place.name for place in places)):
        for place in places:
            site.further[place.name].kill()
            site.further[place.name].wait(10)
        yield
        site.keep_further()
        site.wait(lambda: not any(dial(place, place) for place in places))


def test_a_new_root_and_no_handshake_fails(nodes: tuple[Site, list[Place]], record_property: Callable[[str, Any], None]) -> None:
    site, places = nodes
    rotation = Rotation(site)
    (old,) = rotation.roots()
    with Probe(places) as probe:
        site.wait(lambda: min(probe.report().dials.values(), default=0) > 0)
        status, started = site.call("POST", "/rotations/", {"kind": "root"})
        assert (status, started["phase"]) == (201, "making")
        with killed(site, probe, places[0]):
            rotation.wait_for("trusting")
            site.wait(lambda: [each["name"] for each in rotation.told()["waits_for"]] == ["rim1"])
        rotation.wait_for("issuing")
        with killed(site, probe, places[1]):
            site.wait(lambda: any(each["presents"] for each in rotation.told()["nodes"]))
        rotation.wait_for("finished")
        finished = sum(probe.report().dials.values())
        site.wait(lambda: sum(probe.report().dials.values()) > finished + len(probe.report().dials))
        report = probe.report()
    assert report.failures == []
    assert len(report.dials) == (AGENTS + 1) * AGENTS
    assert min(report.dials.values()) > 1
    record_property("rotation of the root, 9 nodes", str(report))
    (new,) = rotation.roots()
    assert new != old
    for place in places:
        assert_trusts_and_presents(place, new, caller=places[-1])


def assert_trusts_and_presents(place: Place, root: str, *, caller: Place) -> None:
    """The node's store holds this root alone, and its listener's chain ends there; both hold for Python's own TLS."""
    installed, calling = Store(Path(place.home)).current(), Store(Path(caller.home)).current()
    assert installed is not None
    assert calling is not None
    assert [fingerprint(each) for each in installed.roots] == [root]
    context = ssl.create_default_context(cafile=installed.roots_pem)
    context.load_cert_chain(calling.client_pem)
    with (
        socket.create_connection((place.address, place.port), 10) as raw,
        context.wrap_socket(raw, server_hostname=installed.host_name) as secure,
    ):
        assert secure.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert((installed.path / "exported/server.pem").read_text())
