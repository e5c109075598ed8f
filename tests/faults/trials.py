"""Trials: a fault happens while a process is at a step of the flow of one node, and the final state must be good."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.conftest import Case
from tests.faults.steps import Step

GATHERING_S = 1.5


@dataclass(frozen=True)
class Trial:
    """A step of a case, and its fault. Each method raises AssertionError if a check fails."""

    case: Case
    step: Step
    fault: str

    def prepare(self) -> None:
        """The node exists. If the step belongs to a renewal, it is registered."""
        if not self.case.id:
            self.case.arrive()
            if self.step.flow == "renewal":
                assert self.case.register() == 202
                assert self.case.converge() == "registered"

    def begin(self) -> None:
        """Set the fault at the step, and start the flow that leads to it."""
        self.case.ask(self.step, self.fault if self.fault in AT_THE_STEP else "pause")
        self.case.press(self.step)

    def settle(self) -> None:
        """The step continues. The node ends registered, or failed with a remedy that works, or decommissioned if that was the fault."""
        case = self.case
        case.go_on(self.step)
        case.pressing.join()
        state = case.converge()
        assert not case.was_late(self.step)
        assert state == "decommissioned" or self.fault != "decommissioned"
        assert case.problems() == []
        if state == "failed":
            assert case.register() == 202
            assert case.converge() == "registered"
            assert case.problems() == []


def workers(trial: Trial) -> list[int]:
    """The process at the step, if it is a worker. Otherwise all workers."""
    return [trial.case.waits_at(trial.step)] if trial.step.where == "worker" else trial.case.site.pids("celery", "worker")


def consoles(trial: Trial) -> list[int]:
    return trial.case.site.pids("qmc", "serve")


def agent_killed(trial: Trial) -> None:
    trial.case.kill_agent()


def broker_emptied(trial: Trial) -> None:
    trial.case.site.empty_broker()


def nudged_twice_and_late(trial: Trial) -> None:
    case = trial.case
    case.site.nudge(8)
    case.go_on(trial.step)
    case.converge()
    case.site.nudge(4)


def decommissioned(trial: Trial) -> None:
    case = trial.case
    # SQLite has one writer: a step that stopped inside its transaction must go on before the console can write.
    threading.Timer(1, case.go_on, [trial.step]).start()
    # Who meets a change of state in the very moment presses again.
    case.site.wait(lambda: case.site.call("POST", f"/nodes/{case.id}/decommission/")[0] == 202)


def redistributed(trial: Trial) -> None:
    threading.Timer(1, trial.case.go_on, [trial.step]).start()
    assert trial.case.register() in (202, 409, 503)


def fails(trial: Trial) -> None:
    """The step failed once, as requested."""


AT_THE_STEP = {"power loss", "full disk", "no permission"}
# Whom they kill, which hits every node of the site.
KILLS: dict[str, Callable[[Trial], list[int]]] = {"worker killed": workers, "console killed": consoles}
OTHERS: dict[str, Callable[[Trial], None]] = {
    "agent killed": agent_killed,
    "power loss": fails,
    "full disk": fails,
    "no permission": fails,
    "broker emptied": broker_emptied,
    "nudged twice and late": nudged_twice_and_late,
    "decommissioned": decommissioned,
    "redistributed": redistributed,
}
FAULTS = (*KILLS, *OTHERS)


def strike(trials: Sequence[Trial]) -> None:
    """The fault of all `trials` of a site happens while they are at their steps. Raises: AssertionError if no process gets there.

    A process that comes late, because another is inside the only transaction that SQLite has, gets its own fault.
    """
    waiting = list(trials)

    def trials_at_their_steps() -> list[Trial]:
        for trial in waiting:
            trial.case.drive()
        return [trial for trial in waiting if trial.case.waits_at(trial.step)]

    while waiting:
        waiting[0].case.site.wait(trials_at_their_steps, 60)
        gathered = time.monotonic() + GATHERING_S
        while len(there := trials_at_their_steps()) < len(waiting) and time.monotonic() < gathered:
            time.sleep(0.1)
        if (fault := there[0].fault) in KILLS:
            for pid in {pid for trial in there for pid in KILLS[fault](trial)}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        else:
            for trial in there:
                OTHERS[fault](trial)
        for trial in there:
            trial.case.go_on(trial.step)
            waiting.remove(trial)
