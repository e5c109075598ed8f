"""How long steps of jobs take, for `/metrics`. docs/develop/monitoring.md lists what is measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import Histogram

from jobs.registry import Retry, handler_names

STEPS = Histogram(
    "qmc_job_step_duration_seconds", "How long a step of a job took, by its handler and how it ended.", ("task", "result"),
    buckets=(0.01, 0.05, 0.25, 1, 5, 15, 30, 60, 300),
)  # fmt: skip


@contextmanager
def step_timed(task: str) -> Iterator[None]:
    """Measure the block, which is one step of a job of this `task`."""
    began, result = perf_counter(), "failed"
    try:
        yield
        result = "done"
    except Retry:
        result = "retry"
        raise
    finally:
        # A row can name a handler that this version does not know.
        STEPS.labels(task if task in handler_names() else "none", result).observe(perf_counter() - began)
