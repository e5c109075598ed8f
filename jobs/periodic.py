"""Declare periodic work: a Celery task with a lease, registered with its period, its patience and its label."""

import functools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from jobs.registry import PeriodicTask, periodic_register


def periodic_task(
    *, name: str, label: str, period: timedelta, lease: timedelta, patience: timedelta | None = None, frees_lease: bool = False
) -> Callable[[Callable[..., None]], Any]:
    """Declare the decorated function, which takes `now`, as periodic work.

    Beat requests it each `period`. It runs under `lease`, so a second beat adds no work. With `frees_lease`, it can run again as soon as it is
    done. For `patience` and `label` see PeriodicTask.
    """

    def declare(function: Callable[..., None]) -> Any:
        @functools.wraps(function)
        def run() -> None:
            from jobs.services import lease_free, periodic  # noqa: PLC0415  (jobs.services enqueues a task of its own)

            now: datetime = timezone.now()
            with periodic(name=name, every=lease, now=now) as ours:
                if ours:
                    function(now=now)
            if ours and frees_lease:
                lease_free(name=name)

        task = f"periodic.{name}"
        periodic_register(PeriodicTask(name, label, task, period, patience))
        return shared_task(name=task, ignore_result=True)(run)

    return declare
