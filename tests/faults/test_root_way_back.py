"""A rotation of the root that is rolled back half way, and one that continues without a silent node, which comes back by redistribution."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.store import Store
from pki.core.verify import fingerprint
from sitekit.probe import Place, Probe
from sitekit.site import ROOT, TAKEN, Site, running_site
from tests.environment import QUICK
from tests.slow import takes_minutes


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Three registered nodes, whose agents only the test starts."""
    with running_site(tmp_path, agents=0, environment=QUICK | {"QMC_HEARTBEAT_S": "2"}) as site:
        yield site


def newest_rotation(site: Site) -> dict[str, Any]:
    newest: dict[str, Any] = site.call("GET", "/rotations/")[1]["results"][0]
    return newest


def rotate(site: Site) -> str:
    status, rotation = site.call("POST", "/rotations/", {"kind": "root"})
    assert status == 201, rotation
    return f"/rotations/{rotation['id']}"


def roots(site: Site) -> list[str]:
    return [row["sha256"] for row in site.call("GET", "/certificates/?kind=root&status=issued")[1]["results"]]


def all_trust_and_present(site: Site, places: list[Place], root: str) -> bool:
    stores = [Store(Path(place.home)).current() for place in places]
    return all(
        [fingerprint(trusted) for trusted in store.roots] == [root]
        and fingerprint(store.roots[0]) == root
        and store.service.issuer == store.roots[0].subject
        for store in stores
        if store is not None
    )


@takes_minutes
def test_a_rotation_is_rolled_back_and_another_continues_without_a_silent_node(site: Site, tmp_path: Path) -> None:
    places = [site.place(f"rim{number}", tmp_path / f"rim{number}", site.address(1 + number)) for number in (1, 2, 3)]
    for place in places:
        where = ["--home", place.home, "--address", place.address, "--setup-address", place.address]
        site.commands[place.name] = [sys.executable, "-m", "agent", "serve", *where]
    site.keep_further()
    ids = {place.name: _registered(site, place) for place in places}
    everybody = [*places, site.central()]
    (first,) = roots(site)
    with Probe(everybody, per_second=10) as probe:
        rotation = rotate(site)
        site.wait(lambda: any(node["accepted"] for node in newest_rotation(site)["nodes"]), 120)
        assert site.call("POST", f"{rotation}/roll-back/")[0] == 202
        assert site.call("POST", f"{rotation}/roll-back/")[0] == 409
        site.wait(lambda: newest_rotation(site)["phase"] == "finished", 120)
        assert (newest_rotation(site)["rolled_back"], roots(site)) == (True, [first])
        site.wait(lambda: all_trust_and_present(site, everybody, first), 30)
        assert probe.report().failures == []
    silent, others = places[0], everybody[1:]
    with Probe(others, per_second=10) as probe:
        site.further[silent.name].kill()
        site.further[silent.name].wait(10)
        del site.commands[silent.name]
        rotation = rotate(site)
        site.wait(lambda: [waiting["name"] for waiting in newest_rotation(site)["waits_for"]] == [silent.name], 120)
        excluded = {"node": ids[silent.name], "reason": "its disk is being replaced"}
        assert site.call("POST", f"{rotation}/exclude/", excluded)[0] == 202
        assert site.call("POST", f"{rotation}/exclude/", excluded)[0] == 409
        site.wait(lambda: newest_rotation(site)["phase"] == "finished", 120)
        (second,) = roots(site)
        assert second != first
        site.wait(lambda: all_trust_and_present(site, others, second), 30)
        assert probe.report().failures == []
    assert [event["detail"]["reason"] for event in _events(site) if event["action"] == "rotation.excluded"] == [excluded["reason"]]
    where = ["--home", silent.home, "--address", silent.address, "--setup-address", silent.address]
    site.commands[silent.name] = [sys.executable, "-m", "agent", "serve", *where]
    site.keep_further()
    subprocess.run([sys.executable, "-m", "agent", "reopen", "--home", silent.home], cwd=ROOT, check=True, capture_output=True)
    status, ceremony = site.call("POST", f"/nodes/{ids[silent.name]}/register/")
    assert status == 202, ceremony
    site.wait_for_state(ids[silent.name], "awaiting_password", 60)
    assert site.type(silent.address, ceremony["password"])[0] in TAKEN
    site.wait_for_state(ids[silent.name], "registered", 60)
    assert all_trust_and_present(site, [silent], second)
    assert "The audit log is whole." in site.manage("verify_audit")


def _registered(site: Site, place: Place) -> str:
    site.wait(lambda: _listens(site, place))
    return site.register(place.name, place.address)[0]


def _listens(site: Site, place: Place) -> bool:
    try:
        return bool(site.read(f"http://{place.address}:4570/certificateSetup"))
    except OSError:
        return False


def _events(site: Site) -> list[dict[str, Any]]:
    query = "SELECT action, detail FROM audit_event"

    return [{"action": action, "detail": json.loads(detail) if isinstance(detail, str) else detail} for action, detail in site.rows(query)]
