"""The probe itself: it counts successes, reports failures, and leaves out stopped nodes."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.files import replace as replace_file
from agent.store import Store
from pki.core.roles import Kind
from pki.exchange.package import Package
from sitekit.authority import Authority, make_authority
from sitekit.engines import free_port
from sitekit.probe import FURTHER, Place, Probe, dial, pairs
from sitekit.site import ROOT, free_network


@pytest.fixture
def places(authority: Authority, package: Package, tmp_path: Path) -> Iterator[list[Place]]:
    """Two agents that serve on 4242, without a central node."""
    found = [
        Place(f"rim{number}", str(tmp_path / f"rim{number}"), f"rim{number}.example", f"{free_network()}.250.{number}") for number in (2, 3)
    ]
    agents = []
    for place in found:
        pair = authority.pair(Kind.SERVICE, common_name=place.host_name)
        Store(Path(place.home)).install(replace(package, host_name=place.host_name, service=pair), now=authority.now)
        command = [sys.executable, "-m", "agent", "serve", "--home", place.home, "--address", place.address]
        agents.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
    for place in found:
        wait_for(lambda place=place: dial(place, place) == "")
    yield found
    for agent in agents:
        agent.terminate()
        agent.wait(20)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_stopped_node_is_left_out_and_listed_afterwards(places: list[Place]) -> None:
    with Probe([*places, Place("rim9", places[0].home, "rim9.example", places[0].address, free_port())]) as probe:
        with probe.without("rim9"):
            wait_for(lambda: probe.report().dials.get("rim2 rim3", 0) > 5)
            assert probe.report().failures == []
        wait_for(lambda: len(probe.report().failures) > 5)
        report = probe.report()
    assert {(failure["caller"], failure["callee"]) for failure in report.failures} == {("rim2", "rim9"), ("rim3", "rim9")}
    assert all("ConnectionRefused" in failure["reason"] and failure["of_caller"]["client"] for failure in report.failures)
    assert "6 pairs" in str(report)


def test_a_node_that_trusts_another_root_is_found(places: list[Place], authority: Authority) -> None:
    with Probe(places) as probe:
        wait_for(lambda: probe.report().dials.get("rim3 rim2", 0) > 0)
        replace_file(Path(places[1].home) / "current/machine/root/roots.pem", make_authority().certificate.public_bytes(Encoding.PEM))
        # Either may be the first to notice: rim3 does not accept rim2 any more, and verifies nothing that rim2 presents.
        wait_for(lambda: any(refused(failure) for failure in probe.report().failures))
        found = next(filter(refused, probe.report().failures))
    assert "CERTIFICATE_VERIFY_FAILED" in found["reason"]


def refused(failure: dict[str, Any]) -> bool:
    return (failure["caller"], failure["callee"]) == ("rim3", "rim2")


def test_all_pairs_up_to_32_nodes_and_five_others_beyond() -> None:
    places = [Place(f"n{number}", "", "", "") for number in range(33)]
    assert len(set(pairs(places[:32]))) == 32 * 31
    assert len(set(pairs(places))) == 33 * FURTHER
    assert all(caller != callee for caller, callee in pairs(places))
