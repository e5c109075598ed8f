"""Handlers by name. Rows of jobs and of periodic work have names that never change, so that a function can be moved."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


class NameUnknown(Exception):
    """No handler has this name: a newer version of the console recorded the work."""


class Retry(Exception):
    """A step is not possible yet. The text says what it waits for. The job is tried again `after` this time."""

    def __init__(self, waits_for: str, *, after: timedelta) -> None:
        super().__init__(waits_for)
        self.after = after


@dataclass(frozen=True)
class PeriodicTask:
    """Periodic work.

    `task` is its name in Celery. `period`: how often beat requests it. `patience`: it is reported under `label` if it has not succeeded for longer
    than this, at most MOST_PATIENCE. None if it is not reported.
    """

    name: str
    label: str
    task: str
    period: timedelta
    patience: timedelta | None


# The watchdog must be silent within two minutes of the last success.
MOST_PATIENCE = timedelta(seconds=100)
Handler = Callable[..., None]
_handlers: dict[str, Handler] = {}
_periodic: dict[str, PeriodicTask] = {}


def handles(name: str) -> Callable[[Handler], Handler]:
    """Register the decorated function, which advances a `job` of this name by one step. Raises: ValueError for a name in use."""

    def register(function: Handler) -> Handler:
        if name in _handlers:
            raise ValueError(f"Jobs named {name!r} have the handler {_handlers[name]!r} already.")
        _handlers[name] = function
        return function

    return register


def handler(name: str) -> Handler:
    """The function that advances jobs of this name. Raises: NameUnknown."""
    if name not in _handlers:
        raise NameUnknown(f"No handler is registered for jobs named {name!r}. Start this worker from the newest version of the console.")
    return _handlers[name]


def periodic_register(task: PeriodicTask) -> None:
    """Raises: ValueError for a name in use, or for too much patience."""
    if task.patience and task.patience > MOST_PATIENCE:
        raise ValueError(f"Periodic work named {task.name!r} is reported too late: its patience is longer than {MOST_PATIENCE}.")
    if task.name in _periodic:
        raise ValueError(f"Periodic work named {task.name!r} is registered already.")
    _periodic[task.name] = task


def periodic_tasks() -> list[PeriodicTask]:
    """All registered periodic work."""
    return list(_periodic.values())
