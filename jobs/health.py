"""Whether periodic work runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from jobs.leases import SKEW
from jobs.models import PeriodicWork
from jobs.registry import PeriodicTask, periodic_tasks


@dataclass(frozen=True)
class Health:
    """The health of one kind of periodic work; `problem` is empty while it is well."""

    label: str
    last_success: datetime | None
    problem: str


def health(rows: Mapping[str, PeriodicWork], *, now: datetime, expected_since: datetime | None = None) -> list[Health]:
    """All periodic work that is reported when it does not run, from its rows by name.

    Work that has never run is well as long as it had no time to run since `expected_since`.
    """
    return [_health(task, rows.get(task.name), now, expected_since) for task in periodic_tasks() if task.patience]


def _health(task: PeriodicTask, row: PeriodicWork | None, now: datetime, expected_since: datetime | None) -> Health:
    assert task.patience is not None
    if row is not None and row.last_error:
        return Health(task.label, row.last_success, row.last_error)
    if row is None or row.last_success is None:
        starting = expected_since is not None and now - expected_since < task.patience
        return Health(task.label, None, "" if starting else "has not run yet")
    if row.last_success > now + SKEW:
        return Health(task.label, row.last_success, "has not run since the clock was set back")
    return Health(task.label, row.last_success, "overdue" if now - row.last_success > task.patience else "")
