"""Celery tasks: the nudge, reconcile, which nudges again for due jobs, and the deletion of old jobs."""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from celery import shared_task
from django.utils import timezone

from jobs.clock import clock_jump, clock_look
from jobs.current import job_began
from jobs.durations import step_timed
from jobs.periodic import periodic_task
from jobs.registry import NameUnknown, PeriodicTask, Retry, handler, periodic_register

if TYPE_CHECKING:
    from jobs.models import Job

log = logging.getLogger(__name__)
RECONCILE, TRY_AGAIN = "reconcile", timedelta(seconds=10)


@shared_task(name="jobs.tasks.run", ignore_result=True)
def run() -> None:
    """Claim the due job with the first turn and let its handler advance it. A nudge without a due job does nothing."""
    from jobs.services import job_claim  # noqa: PLC0415  (services enqueue this task)

    job = job_claim(now=timezone.now())
    if job is None:
        return
    with job_began(id=job.pk, of_task=job.task):
        _advance(job)


def _advance(job: "Job") -> None:
    from jobs.services import job_again  # noqa: PLC0415  (services enqueue a task of this module)

    try:
        with step_timed(job.task):
            handler(job.task)(job=job)
    except Retry as exc:
        job_again(job=job, at=timezone.now() + exc.after, progress=str(exc))
    except NameUnknown as exc:
        log.error("job %s is for newer workers: %s", job.pk, exc)
        job_again(job=job, at=timezone.now() + TRY_AGAIN, progress=str(exc))
    except Exception as exc:
        log.exception("job %s (%s) failed and will be tried again", job.pk, job.task)
        job_again(job=job, at=timezone.now() + TRY_AGAIN, progress=f"tried again after {type(exc).__name__}")


# Also without the lease: every worker checks the clock of its own machine.
periodic_register(PeriodicTask(RECONCILE, "Worker and scheduler", "jobs.tasks.reconcile", timedelta(seconds=1), timedelta(seconds=60)))


@shared_task(name="jobs.tasks.reconcile", ignore_result=True)
def reconcile() -> None:
    """Nudge again for due jobs, so that a lost worker, message or broker costs only time."""
    from jobs.services import jobs_follow_clock, jobs_nudge_due, periodic  # noqa: PLC0415

    now = timezone.now()
    clock_look(now=now)
    with periodic(name=RECONCILE, every=timedelta(seconds=1), now=now) as ours:
        if ours:
            jobs_follow_clock(name=RECONCILE, now=now)
            jobs_nudge_due(now=now)


@periodic_task(name="jobs-old", label="Deletion of old jobs", period=timedelta(hours=6), lease=timedelta(minutes=10))
def delete_old(*, now: datetime) -> None:
    """Delete jobs that finished more than 90 days ago. Nothing while the clock has just jumped."""
    from jobs.services import jobs_delete_old  # noqa: PLC0415

    if not clock_jump(now=now):
        jobs_delete_old(now=now)
