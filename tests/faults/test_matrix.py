"""Each fault at each step, on both engines: the node ends registered, or failed with a remedy, and nothing is doubled, lost or left open.

`make test` takes a sample, `make faults` the whole matrix; both print how many combinations were tried.
"""

import contextlib
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Case
from tests.faults.steps import STEPS, Step
from tests.site.conftest import Site
from tests.site.engines import ENGINES

Fault = Callable[[Case, Step], None]


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def worker_killed(case: Case, step: Step) -> None:
    pid = case.wait_for(step)
    _kill([pid] if step.where == "worker" else case.site.pids("celery", "worker"))


def console_killed(case: Case, step: Step) -> None:
    case.wait_for(step)
    _kill(case.site.pids("serve"))


def agent_killed(case: Case, step: Step) -> None:
    case.wait_for(step)
    case.kill_agent()


def broker_emptied(case: Case, step: Step) -> None:
    case.wait_for(step)
    case.site.empty_broker()


def nudged_twice_and_late(case: Case, step: Step) -> None:
    case.wait_for(step)
    case.site.nudge(8)
    case.go_on(step)
    case.converge()
    case.site.nudge(4)


def decommissioned(case: Case, step: Step) -> None:
    case.wait_for(step)
    # SQLite has one writer: a step that stopped inside its transaction must go on before the console can write.
    threading.Timer(1, case.go_on, [step]).start()
    assert case.site.call("POST", f"/nodes/{case.id}/decommission/")[0] in (202, 409, 503)


def redistributed(case: Case, step: Step) -> None:
    case.wait_for(step)
    threading.Timer(1, case.go_on, [step]).start()
    assert case.register() in (202, 409, 503)


def fails(case: Case, step: Step) -> None:
    """The step fails once, as it was asked to."""
    case.wait_for(step)


FAULTS: dict[str, Fault] = {
    "worker killed": worker_killed,
    "console killed": console_killed,
    "agent killed": agent_killed,
    "power loss": fails,
    "full disk": fails,
    "no permission": fails,
    "broker emptied": broker_emptied,
    "nudged twice and late": nudged_twice_and_late,
    "decommissioned": decommissioned,
    "redistributed": redistributed,
}
AT_THE_STEP = {"power loss", "full disk", "no permission"}


def combinations() -> Iterator[tuple[str, Step, str]]:
    for on in ENGINES:
        for step in STEPS:
            for fault in FAULTS:
                if fault != "power loss" or step.target == "os:fsync":
                    yield on, step, fault


def sample(whole: list[tuple[str, Step, str]]) -> list[tuple[str, Step, str]]:
    """Every step and every fault on each engine, each pair of step and fault at most once: as few as that takes, always the same."""
    chosen, covered = [], set()
    for on, step, fault in random.Random(1).sample(whole, len(whole)):
        pairs = {(on, step.name), (on, fault)}
        if pairs - covered and (step.name, fault) not in covered:
            chosen.append((on, step, fault))
            covered |= pairs | {(step.name, fault)}
    return chosen


WHOLE = list(combinations())
CHOSEN = WHOLE if os.environ.get("QMC_FAULTS_ALL") else sample(WHOLE)


@pytest.mark.parametrize(("on", "step", "fault"), CHOSEN, ids=lambda value: getattr(value, "name", value))
def test_every_fault_ends_well(faulty_sites: Callable[[str], Site], tmp_path: Path, on: str, step: Step, fault: str) -> None:
    case = Case(faulty_sites(on), tmp_path)
    try:
        case.start_agent()
        case.create()
        case.wait_until_listening()
        if step.flow == "renewal":
            assert case.register() == 202
            assert case.converge() == "registered"
        case.ask(step, fault if fault in AT_THE_STEP else "pause")
        start = threading.Thread(target=case.register if step.flow == "registration" else case.renew)
        start.start()
        FAULTS[fault](case, step)
        case.go_on(step)
        start.join()
        state = case.converge()
        if state == "created":  # the request itself was lost: the administrator presses again
            assert case.register() == 202
            state = case.converge()
        assert state in ("registered", "failed", "decommissioned")
        assert case.problems() == []
        if state == "failed":
            case.password = ""
            assert case.register() == 202
            assert case.converge() == "registered"
            assert case.problems() == []
    finally:
        case.end()
