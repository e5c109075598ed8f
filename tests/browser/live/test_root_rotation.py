"""A new root for nine nodes (four in `make test`), started and watched in the browser, while every pair of nodes keeps connecting and two agents are terminated in the middle."""

import contextlib
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, expect

from agent.store import Store
from pki.core.verify import fingerprint
from sitekit.probe import Place, Probe, dial
from sitekit.site import Site
from tests.browser.conftest import WIDE, Eyes, launched
from tests.browser.test_looks import looked_at
from tests.slow import takes_minutes

AGENTS, DIALS_PER_SECOND = 8, 10


def waits(place: Place) -> bool:
    """Whether its agent waits for a package."""
    with socket.socket() as probe:
        return probe.connect_ex((place.address, 4444)) == 0


@pytest.fixture
def nodes(site: Site, tmp_path: Path) -> tuple[Site, list[Place]]:
    """`AGENTS` registered nodes, and the central node."""
    places = [site.place(f"rim{number}", tmp_path / f"rim{number}", site.address(1 + number)) for number in range(1, 1 + AGENTS)]
    for place in places:
        where = ["--home", place.home, "--address", place.address, "--setup-address", place.address]
        site.commands[place.name] = [sys.executable, "-m", "agent", "serve", *where]
    site.keep_further()
    site.wait(lambda: all(waits(place) for place in places))
    with ThreadPoolExecutor(3) as administrators:
        list(administrators.map(lambda place: site.register(place.name, place.address), places))
    return site, [*places, site.central()]


class Rotation:
    """The newest rotation, and the roots, from the API."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def newest_rotation(self) -> dict[str, Any]:
        newest: dict[str, Any] = self.site.call("GET", "/rotations/")[1]["results"][0]
        return newest

    def of(self, name: str) -> str:
        """The id of a node."""
        return next(str(row["node"]) for row in self.newest_rotation()["nodes"] if row["name"] == name)

    def roots(self) -> list[str]:
        """The SHA-256 of each root in force."""
        found = self.site.call("GET", "/certificates/?kind=root&status=issued")[1]["results"]
        return [root["sha256"] for root in found]


@contextlib.contextmanager
def killed(site: Site, probe: Probe, *places: Place) -> Iterator[None]:
    """During this context, these agents do not run. At its end, each answers again."""
    with probe.without(*(place.name for place in places)):
        for place in places:
            site.further[place.name].kill()
            site.further[place.name].wait(10)
        yield
        site.keep_further()
        site.wait(lambda: not any(dial(place, place) for place in places))


@pytest.fixture
def watched(playwright: Playwright, nodes: tuple[Site, list[Place]]) -> Iterator[Eyes]:
    """A window that does not verify the console's certificate, because it changes with the root."""
    with launched(playwright) as chromium:
        context = chromium.new_context(viewport=WIDE, locale="en-GB", reduced_motion="reduce", ignore_https_errors=True)
        opened = Eyes(context, nodes[0])
        opened.sign_in()
        yield opened
        context.close()
    assert opened.heard.troubles == []


def begin(eyes: Eyes) -> None:
    """Start the rotation from the page of the root, through the plan, which lists every node."""
    page = eyes.go("/roots/")
    page.get_by_role("link", name="New root…").click()
    for number in range(1, 1 + AGENTS):
        expect(page.get_by_role("row").filter(has_text=f"rim{number}.example")).to_be_visible()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="Rotation from")).to_be_visible()


@takes_minutes
def test_no_handshake_fails_during_a_rotation_of_the_root(
    nodes: tuple[Site, list[Place]], watched: Eyes, record_property: Callable[[str, Any], None]
) -> None:
    (site, places), page = nodes, watched.page
    rotation = Rotation(site)
    (old,) = rotation.roots()
    with Probe(places, per_second=DIALS_PER_SECOND) as probe:
        site.wait(lambda: min(probe.report().dials.values(), default=0) > 0)
        with killed(site, probe, places[0]):
            begin(watched)
            expect(page.get_by_text("Waiting for 1 node")).to_be_visible(timeout=60_000)
            expect(page.get_by_role("row", name="rim1")).to_contain_text("not yet")
            found = looked_at(watched, "root trusting")
            for path in ("roll-back", f"exclude/{rotation.of(places[0].name)}"):
                watched.go(f"/roots/{rotation.newest_rotation()['id']}/{path}/")
                found += looked_at(watched, f"root {path[:9]}")
            watched.go("/roots/")
        expect(page.get_by_role("listitem").filter(has_text="Every node gets new certificates")).to_have_attribute(
            "aria-current", "step", timeout=60_000
        )
        with killed(site, probe, places[1]):
            site.wait(lambda: any(node["presents"] for node in rotation.newest_rotation()["nodes"]))
        expect(page.get_by_role("heading", name="The last rotation")).to_be_visible(timeout=90_000)
        expect(page.get_by_role("heading", level=1)).to_contain_text("-CA-2 issues every certificate")
        finished = sum(probe.report().dials.values())
        site.wait(lambda: sum(probe.report().dials.values()) > finished + len(probe.report().dials))
        report = probe.report()
    assert found == []
    assert report.failures == []
    assert len(report.dials) == (AGENTS + 1) * AGENTS
    assert min(report.dials.values()) > 1
    record_property(f"rotation of the root, {AGENTS + 1} nodes", str(report))
    (new,) = rotation.roots()
    assert new != old
    for place in places:
        assert_trusts_and_presents(place, new, caller=places[-1])


def assert_trusts_and_presents(place: Place, root: str, *, caller: Place) -> None:
    """The node's store has only this root, and its listener's chain ends there. Checked with Python's own TLS."""
    installed, calling = Store(Path(place.home)).current(), Store(Path(caller.home)).current()
    assert installed is not None
    assert calling is not None
    assert [fingerprint(trusted) for trusted in installed.roots] == [root]
    context = ssl.create_default_context(cafile=installed.roots_pem)
    context.load_cert_chain(calling.client_pem)
    with (
        socket.create_connection((place.address, place.port), 10) as raw,
        context.wrap_socket(raw, server_hostname=installed.host_name) as secure,
    ):
        assert secure.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert((installed.path / "exported/server.pem").read_text())
