"""Each fault at each step, on both engines: the node ends registered, or failed with a remedy, and nothing is doubled, lost or left open.

`make test` takes a sample, `make faults` the whole matrix; both print how many combinations were tried.
"""

import contextlib
import logging
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

import pytest

from tests.faults.conftest import Case
from tests.faults.steps import STEPS, Step
from tests.site.conftest import Site
from tests.site.engines import ENGINES
from tests.whole import WHOLE

log = logging.getLogger("faults")
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
    # Who meets a change of state in the very moment presses again.
    case.site.wait(lambda: case.site.call("POST", f"/nodes/{case.id}/decommission/")[0] == 202)


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


KILLERS = {"worker killed", "console killed"}  # they hit every node of the site: one at a time
AT_ONCE, ROUND = 4, 40
Combination = tuple[Step, str]
T = TypeVar("T")


def combinations() -> Iterator[Combination]:
    for step in STEPS:
        for fault in FAULTS:
            if fault != "power loss" or step.target == "os:fsync":
                yield step, fault


def sample(whole: list[Combination], number: int) -> list[Combination]:
    """Engine `number`'s share, always the same: every fault once, at different kinds of process on either engine, each at another step."""
    places, uses = list(dict.fromkeys(step.where for step in STEPS)), Counter[Step]()
    chosen = []
    for turn, fault in enumerate(FAULTS, 1 + 2 * number):
        able = [step for step, each in mixed(whole, number) if each == fault]
        wanted = [step for step in able if step.where == places[turn % len(places)]] or able
        step = min(wanted, key=lambda step: uses[step])
        uses[step] += 1
        chosen.append((step, fault))
    return chosen


def mixed(what: Iterable[T], number: int) -> list[T]:
    """The order of engine `number`: always the same, and a fair sample wherever a run is cut short."""
    content = list(what)
    return random.Random(number).sample(content, len(content))


def chosen(on: str) -> list[Combination]:
    whole, number = list(combinations()), ENGINES.index(on)
    return mixed(whole, number) if WHOLE else sample(whole, number)


def run(site: Site, folder: Path, step: Step, fault: str) -> None:
    """One combination, from a fresh node to its end. Raises: AssertionError."""
    case = Case(site, folder)
    site.wait(site.answers)  # the one before may have killed the console
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
        assert state == "decommissioned" or fault != "decommissioned"
        assert case.problems() == []
        if state == "failed":
            assert case.register() == 202
            assert case.converge() == "registered"
            assert case.problems() == []
    finally:
        case.end()


@pytest.mark.parametrize("on", ENGINES)
def test_two_administrators_register_the_same_host_at_once(faulty_sites: Callable[[str], Site], tmp_path: Path, on: str) -> None:
    case = Case(faulty_sites(on), tmp_path)
    fields = {"name": case.name, "host_name": f"{case.name}.example", "address": case.address}
    try:
        case.start_agent()
        case.wait_until_listening()
        case.site.wait(case.site.answers)
        with ThreadPoolExecutor(8) as administrators:
            created = list(administrators.map(lambda _: case.site.call("POST", "/nodes/", fields), range(8)))
            assert sorted(status for status, _ in created) == [201] + [400] * 7
            case.id = next(node["id"] for status, node in created if status == 201)
            ceremonies = list(administrators.map(lambda _: case.site.call("POST", f"/nodes/{case.id}/register/"), range(8)))
        # Whoever comes when the node already waits for its password redistributes: the newest password is the one that counts.
        assert {status for status, _ in ceremonies} <= {202, 409}
        rows = case.site.rows(f"SELECT generation FROM nodes_node WHERE name = '{case.name}'")
        assert rows == [(sum(status == 202 for status, _ in ceremonies),)]
        for _, ceremony in [each for each in ceremonies if each[0] == 202]:
            case.site.wait(lambda: case.state() in ("awaiting_password", "verifying", "registered"))
            case.site.type(case.address, ceremony["password"])
        assert case.converge() == "registered"
        assert case.problems() == []
    finally:
        case.end()


def matrix(site: Site, folder: Path, tried: list[Combination]) -> tuple[dict[Combination, str], dict[Combination, float]]:
    """Try all of `tried` on one site. Returns what ended badly and why, and the seconds that each took."""
    wrong, took = {}, {}

    def one(step: Step, fault: str) -> None:
        started = time.monotonic()
        try:
            run(site, folder / f"{step.name} {fault}", step, fault)
        except (AssertionError, OSError) as exc:
            wrong[step, fault] = "\n".join([str(exc)[-3000:], *getattr(exc, "__notes__", [])])
        took[step, fault] = time.monotonic() - started
        verdict = "ended badly" if (step, fault) in wrong else "ended well"
        log.info("%s: %s, %s: %s after %.1f s", folder.name, step.name, fault, verdict, took[step, fault])

    for start in range(0, len(tried), ROUND):
        some = tried[start : start + ROUND]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            wait([pool.submit(one, *each) for each in some if each[1] not in KILLERS])
        for each in some:
            if each[1] in KILLERS:
                one(*each)
    return wrong, took


def test_every_fault_at_every_step_ends_well(
    faulty_sites: Callable[[str], Site], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    sites = [faulty_sites(on) for on in ENGINES]
    with ThreadPoolExecutor(len(ENGINES)) as pool:
        ended = list(pool.map(lambda on, site: matrix(site, tmp_path / on, chosen(on)), ENGINES, sites))
    for on, (wrong, took) in zip(ENGINES, ended, strict=True):
        slowest = max(took, key=lambda each: took[each])
        told = f"{len(took)} combinations of step and fault tried, {len(wrong)} ended badly"
        record_property(on, f"{told}; slowest {took[slowest]:.0f} s: {slowest[0].name}, {slowest[1]}")
    bad = [
        f"== {on}: {step.name}, {fault}\n{text}"
        for on, (wrong, _) in zip(ENGINES, ended, strict=True)
        for (step, fault), text in wrong.items()
    ]
    assert not bad, "\n\n".join(bad)
