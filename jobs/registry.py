"""What runs for a recorded name. Rows of jobs and of periodic work outlive the place of a function, so they hold names that never change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


class NameUnknown(Exception):
    """No handler is registered under this name: a newer version of the console recorded the work."""


class Retry(Exception):
    """A step cannot be done yet. The text says what it waits for; the job is tried again `after` that time."""

    def __init__(self, waits_for: str, *, after: timedelta) -> None:
        super().__init__(waits_for)
        self.after = after


@dataclass(frozen=True)
class PeriodicTask:
    """Work that comes again and again.

    `task` is Celery's name of it. `period`: how often beat asks for it. `patience`: silence for longer than this is a fault, which the overview
    shows under `label`; None where nobody waits for it.
    """

    name: str
    label: str
    task: str
    period: timedelta
    patience: timedelta | None


Handler = Callable[..., None]
_handlers: dict[str, Handler] = {}
_periodic: dict[str, PeriodicTask] = {}


def handles(name: str) -> Callable[[Handler], Handler]:
    """Register the decorated function: it advances a `job` of this name by one step. Raises: ValueError for a name that is taken."""

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
    """Raises: ValueError for a name that is taken."""
    if task.name in _periodic:
        raise ValueError(f"Periodic work named {task.name!r} is registered already.")
    _periodic[task.name] = task


def periodic_tasks() -> list[PeriodicTask]:
    """All registered periodic work."""
    return list(_periodic.values())
