"""Durations of job steps, by handler and by how the step ended."""

import contextlib
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from jobs.durations import step_timed
from jobs.registry import Retry, handler_names


def steps(task: str, result: str) -> float:
    return REGISTRY.get_sample_value("qmc_job_step_duration_seconds_count", {"task": task, "result": result}) or 0


@pytest.mark.parametrize(
    ("error", "result"), [(None, "done"), (Retry("the node", after=timedelta(0)), "retry"), (ValueError("x"), "failed")], ids=str
)
def test_a_step_counts_by_how_it_ended(error: Exception | None, result: str) -> None:
    known = handler_names()[0]
    before = steps(known, result)
    with contextlib.suppress(Retry, ValueError), step_timed(known):
        if error:
            raise error
    assert steps(known, result) == before + 1


def test_a_handler_of_another_version_is_no_label() -> None:
    before = steps("none", "done")
    with step_timed("of another version"):
        pass
    assert (steps("none", "done"), steps("of another version", "done")) == (before + 1, 0)
