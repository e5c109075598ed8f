"""Handlers by name. Rows of jobs and of periodic work have names that never change, so that a function can be moved."""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


class NameUnknown(Exception):
    """No handler has this name: a newer version of the console recorded the work."""


class Retry(Exception):
    """A step is not possible yet. The text says what it waits for. The job is tried again `after` this time."""

    def __init__(self, waits_for: str, *, after: timedelta) -> None:
        super().__init__(waits_for)
        self.after = after


class JobRefused(Exception):
    """A job cannot be cancelled or tried again now. The text says why, and what to do instead. Nothing was changed."""


@dataclass(frozen=True)
class JobAction:
    """What a person can do with a job: cancel it, or try it again. It is a door to the service of its subject, which requires the permission.

    `run` takes the keywords `actor`, `subject` and `now`, and returns the subject of the job that goes on. Raises: JobRefused, and the refusal of the
    permission. `effect` says to the person what it changes. Without `finishes`, a cancellation asks the handler to finish the job.
    `offered` takes the keywords `actor` and `subject`, for work whose permission depends on its subject; None: the permission alone decides.
    """

    permission: str
    effect: str
    run: Callable[..., uuid.UUID]
    finishes: bool = True
    offered: Callable[..., bool] | None = None

    def is_offered(self, actor: Any, subject: uuid.UUID) -> bool:
        """Whether `actor` may do this with the work on `subject`."""
        return actor.has_perm(self.permission) and (self.offered is None or self.offered(actor=actor, subject=subject))


@dataclass(frozen=True)
class Subject:
    """What a job works on: its name, and the path of its page."""

    name: str
    path: str


@dataclass(frozen=True)
class JobKind:
    """Jobs of one handler, as people see them. `name` is that of the handler, `label` a word for people.

    `view` is the permission to see them. `subjects` finds the names and pages of the subjects with these ids, in one query. `retry_page` is the path of
    the page that does the work again, for work that needs an input; `retry_api` is the operation of the API for the same. `instead` says what a person can do
    on the page of the subject while the work lasts, for work that cannot be canceled.
    """

    name: str
    label: str
    view: str
    subjects: Callable[[Collection[uuid.UUID]], Mapping[uuid.UUID, Subject]]
    cancel: JobAction | None = None
    retry: JobAction | None = None
    retry_page: Callable[[uuid.UUID], str] | None = None
    retry_api: str = ""
    instead: str = ""


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
_not_kept: set[str] = set()
_kinds: dict[str, JobKind] = {}
_periodic: dict[str, PeriodicTask] = {}


def handles(name: str, *, kept: bool = True) -> Callable[[Handler], Handler]:
    """Register the decorated function, which advances a `job` of this name by one step. Raises: ValueError for a name in use.

    Jobs that are not `kept` are deleted when they finish: their result is recorded elsewhere, and nobody looks for them.
    """

    def register(function: Handler) -> Handler:
        if name in _handlers:
            raise ValueError(f"Jobs named {name!r} have the handler {_handlers[name]!r} already.")
        _handlers[name] = function
        if not kept:
            _not_kept.add(name)
        return function

    return register


def handler(name: str) -> Handler:
    """The function that advances jobs of this name. Raises: NameUnknown."""
    if name not in _handlers:
        raise NameUnknown(f"No handler is registered for jobs named {name!r}. Start this worker from the newest version of the console.")
    return _handlers[name]


def is_kept(name: str) -> bool:
    """Whether finished jobs of this name stay for 90 days."""
    return name not in _not_kept


def handler_names() -> list[str]:
    """The names of all handlers."""
    return list(_handlers)


def job_kind_register(kind: JobKind) -> None:
    """Show jobs of this kind to people. Raises: ValueError if it is registered already."""
    if kind.name in _kinds:
        raise ValueError(f"Jobs named {kind.name!r} are registered already.")
    _kinds[kind.name] = kind


def job_kinds() -> dict[str, JobKind]:
    """The kinds of jobs that people see, by the names of their handlers."""
    return dict(_kinds)


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
