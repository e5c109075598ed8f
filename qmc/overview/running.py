"""Whether periodic work runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from certs.models import TrustZone
from jobs.models import PeriodicWork
from jobs.registry import periodic_tasks


@dataclass(frozen=True)
class Running:
    """One piece of periodic work; `problem` is empty while it is well."""

    label: str
    last_success: datetime | None
    problem: str


def running(now: datetime) -> list[Running]:
    """All periodic work that is reported when it does not run."""
    rows = {row.name: row for row in PeriodicWork.objects.all()}
    zone = TrustZone.objects.current()
    founded_at = zone.founded_at if zone else None
    return [
        _running(periodic_task.label, periodic_task.patience, rows.get(periodic_task.name), founded_at, now)
        for periodic_task in periodic_tasks()
        if periodic_task.patience
    ]


def _running(label: str, patience: timedelta, row: PeriodicWork | None, founded_at: datetime | None, now: datetime) -> Running:
    if row is None or row.last_success is None:
        starting = founded_at is not None and now - founded_at < patience
        return Running(label, None, (row.last_error if row else "") or ("" if starting else "has not run yet"))
    overdue = "overdue" if now - row.last_success > patience else ""
    return Running(label, row.last_success, row.last_error or overdue)
