"""The job that this thread advances. Lines of the log have its id."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

job_id: ContextVar[str] = ContextVar("job_id", default="")
task: ContextVar[str] = ContextVar("task", default="")


@contextmanager
def job_began(*, id: uuid.UUID, of_task: str) -> Iterator[None]:
    """The block advances this job."""
    before = job_id.set(str(id)), task.set(of_task)
    try:
        yield
    finally:
        job_id.reset(before[0])
        task.reset(before[1])
