"""The home of a registered node is copied and started elsewhere, with real agents: it is reported, gets nothing new, and is refused after a redistribution."""

import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agent.store import Store
from sitekit.site import Site
from tests.site.test_revocation import listens
from tests.slow import takes_minutes

TRUE, COPY = "twin", "copy of twin"


class Twins:
    """A registered node for this file, on the shared site, and the copy of its home."""

    def __init__(self, site: Site) -> None:
        self.site, self.addresses = site, {TRUE: site.address(44), COPY: site.address(45)}
        self.start(TRUE)
        site.wait(lambda: listens(self.addresses[TRUE]))
        self.pk, _ = site.register(TRUE, self.addresses[TRUE])

    def home(self, name: str) -> Any:
        return self.site.data / "agents" / self.addresses[name]

    def start(self, name: str) -> None:
        where = ["--home", str(self.home(name)), "--address", self.addresses[name], "--setup-address", self.addresses[name]]
        self.site.commands[name] = [sys.executable, "-m", "agent", "serve", *where]
        self.site.keep_further()

    def stop(self, name: str) -> None:
        self.site.commands.pop(name, None)
        if agent := self.site.further.pop(name, None):
            agent.terminate()
            agent.wait(20)

    def needs(self) -> dict[str, str]:
        found = self.site.call("GET", "/attention/?page_size=500")[1]["results"]
        return {need["code"]: need["text"] for need in found if need["subject"] == TRUE}

    def wake(self, name: str) -> None:
        """Restart its agent, which calls immediately and stores the turn of the answer."""
        self.stop(name)
        before = self.turn(name)
        self.start(name)
        self.site.wait(lambda: self.turn(name) != before, 60)

    def turn(self, name: str) -> str:
        return str((self.home(name) / "turn").read_text())


@pytest.fixture
def twins(site: Site) -> Iterator[Twins]:
    made = Twins(site)
    yield made
    site.call("POST", f"/nodes/{made.pk}/decommission/")
    for name in made.addresses:
        made.stop(name)


@takes_minutes
def test_a_copied_home_is_reported_gets_nothing_and_is_refused_after_a_redistribution(twins: Twins, site: Site) -> None:
    for _ in range(3):  # a restart is a call, and no alarm
        twins.wake(TRUE)
    assert "node-two-callers" not in twins.needs()
    shutil.copytree(twins.home(TRUE), twins.home(COPY), symlinks=True)
    for name in (COPY, TRUE, COPY):
        twins.wake(name)
    assert "node-two-callers" in twins.needs()
    assert site.call("POST", f"/nodes/{twins.pk}/renew/")[0] == 409
    twins.stop(COPY)
    assert site.call("POST", f"/nodes/{twins.pk}/callers-settled/")[0] == 200
    assert "node-two-callers" not in twins.needs()
    assert site.call("POST", f"/nodes/{twins.pk}/renew/")[0] == 202
    twins.wake(TRUE)
    site.wait(lambda: site.rows(f"SELECT status FROM nodes_renewal WHERE node_id = '{twins.pk.replace('-', '')}'") == [("proved",)], 60)
    generation = Store(twins.home(TRUE)).current().generation
    twins.start(COPY)  # its certificate is superseded, and its turn is older
    site.wait(lambda: "node-two-callers" in twins.needs(), 60)
    assert Store(twins.home(COPY)).current().generation == generation - 1
