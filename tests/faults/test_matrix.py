"""Each fault at each step, on both engines: the node ends registered, or failed with a remedy, and nothing is duplicated, lost or left open.

`make test` takes every fourth step with one fault, on SQLite; `make faults` takes all pairs on both engines. Each prints how many combinations were tried.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import pytest

from sitekit.engines import ENGINES
from sitekit.site import Site
from tests.faults.conftest import Case
from tests.faults.steps import STEPS, Step
from tests.faults.trials import FAULTS, KILLS, OTHERS, Trial, strike
from tests.slow import RUN_SLOW, takes_minutes

log = logging.getLogger("faults")
AT_ONCE = 8
Combination = tuple[Step, str]
Chain = tuple[Combination, ...]  # tried one after the other on the same node


def combinations() -> Iterator[Combination]:
    for step in STEPS:
        for fault in FAULTS:
            if fault != "power loss" or step.target == "os:fsync":
                yield step, fault


def chosen() -> list[Combination]:
    """The whole matrix, or every fourth step with one fault, every fault among them."""
    steps, faults = list(STEPS), list(FAULTS)
    return [
        (step, fault)
        for step, fault in combinations()
        if RUN_SLOW or (steps.index(step) % 4 == 0 and steps.index(step) // 4 % len(faults) == faults.index(fault))
    ]


def chains(tried: Sequence[Combination], fault: str) -> list[Chain]:
    """`fault` during registrations, each followed by the same during a renewal of that node, if it is registered."""
    flows = [[trial for trial in tried if trial[1] == fault and trial[0].flow == flow] for flow in ("registration", "renewal")]
    return [tuple(trial for trial in turn if trial) for turn in zip_longest(*flows)]


class Matrix:
    """The trials on one site: the failures with reasons, and the seconds of each combination."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.wrong: dict[Combination, str] = {}
        self.took: dict[Combination, float] = {}

    def run(self, tried: Sequence[Combination]) -> None:
        """Several nodes at once. Faults of the whole site come last, and affect several nodes together."""
        singles = [[chain] for fault in OTHERS for chain in chains(tried, fault)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self.attempt, random.Random(0).sample(singles, len(singles))))  # faults mixed, always in the same order
        for fault in KILLS:
            struck = chains(tried, fault)
            for start in range(0, len(struck), AT_ONCE):
                self.attempt(struck[start : start + AT_ONCE])

    def attempt(self, together: Sequence[Chain]) -> None:
        """Try chains in parallel, each on a node of its own while that is registered."""
        self.site.wait(self.site.answers)  # what was tried before may have killed the console
        cases: dict[int, Case] = {}
        try:
            for turn in zip_longest(*together):
                started = time.monotonic()
                for number, next_case in enumerate(turn):
                    if next_case:
                        cases[number] = self._case(cases.get(number), *next_case)
                trials = [Trial(cases[number], *next_case) for number, next_case in enumerate(turn) if next_case]
                for trial, problem in self._try(trials).items():
                    self._note(trial, problem, time.monotonic() - started)
        finally:
            for case in cases.values():
                case.end()

    def _note(self, trial: Trial, problem: BaseException | None, seconds: float) -> None:
        combination = (trial.step, trial.fault)
        self.took[combination] = seconds
        if problem:
            self.wrong[combination] = "\n".join([str(problem)[-3000:], *getattr(problem, "__notes__", [])])
        verdict = "ended badly" if problem else "ended well"
        log.info("%s: %s, %s: %s after %.1f s", self.folder.name, trial.step.name, trial.fault, verdict, seconds)

    def _case(self, before: Case | None, step: Step, fault: str) -> Case:
        if before and before.id and step.flow == "renewal" and before.state() == "registered":
            return before
        if before:
            before.end()
        return Case(self.site, self.folder / f"{step.name} {fault}")

    @staticmethod
    def _try(trials: Sequence[Trial]) -> dict[Trial, BaseException | None]:
        """The failure of each of `trials`, whose faults happen together."""
        found: dict[Trial, BaseException | None] = dict.fromkeys(trials)

        def well() -> list[Trial]:
            return [trial for trial in trials if found[trial] is None]

        with ThreadPoolExecutor(len(trials)) as pool:
            for act in (Trial.prepare, Trial.begin, strike, Trial.settle):
                if act is strike:
                    found |= dict.fromkeys(well(), pool.submit(strike, well()).exception())
                else:
                    found |= {trial: future.exception() for trial, future in {case: pool.submit(act, case) for case in well()}.items()}
        return found


@takes_minutes
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
            before = case.generation()
            ceremonies = list(administrators.map(lambda _: case.site.call("POST", f"/nodes/{case.id}/register/"), range(8)))
        # A request while the package is sent gets the same password. A request when the node already waits gets a new password, which replaces it.
        assert {status for status, _ in ceremonies} <= {202, 409}
        passwords = {ceremony["password"] for status, ceremony in ceremonies if status == 202}
        assert case.generation() == before + len(passwords)
        for password in passwords:
            case.site.wait(lambda: case.state() in ("awaiting_password", "verifying", "registered"))
            case.site.type(case.address, password)
        assert case.converge() == "registered"
        assert case.problems() == []
    finally:
        case.end()


def test_every_fault_at_every_step_leads_to_a_good_final_state(
    faulty_sites: Callable[[str], Site], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    engines = ENGINES if RUN_SLOW else ENGINES[:1]
    matrices = {on: Matrix(faulty_sites(on), tmp_path / on) for on in engines}
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(lambda on: matrices[on].run(chosen()), engines))
    for on, matrix in matrices.items():
        slowest = max(matrix.took, key=lambda trial: matrix.took[trial])
        summary = f"{len(matrix.took)} combinations of step and fault tried, {len(matrix.wrong)} ended badly"
        record_property(on, f"{summary}; slowest {matrix.took[slowest]:.0f} s: {slowest[0].name}, {slowest[1]}")
        assert matrix.took.keys() == set(chosen())
    bad = [f"== {on}: {step.name}, {fault}\n{text}" for on, matrix in matrices.items() for (step, fault), text in matrix.wrong.items()]
    assert not bad, "\n\n".join(bad)
