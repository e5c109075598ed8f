"""Cancel a job, or try it again. Both use the service of its subject, which requires the permission."""

import uuid
from datetime import datetime

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from jobs.models import Job, JobQuerySet
from jobs.registry import JobAction, JobKind, JobRefused, handler_names, job_kinds
from jobs.services import job_cancelled

VIEW = "jobs.view_job"
CANCELED, RETRIED = "job.canceled", "job.retried"


def jobs_visible(actor: Actor) -> JobQuerySet:
    """The jobs that `actor` may see. Deliveries are not among them: alerts and receivers have pages of their own."""
    kinds = job_kinds()
    hidden = [name for name in handler_names() if name not in kinds or not actor.has_perm(kinds[name].view)]
    jobs: JobQuerySet = Job.objects.exclude(task__in=hidden)
    return jobs


def _permission(kind: JobKind | None, action: JobAction | None) -> str:
    """Who may do this, or may know that it is not possible."""
    return action.permission if action else kind.view if kind else VIEW


def _run(action: JobAction, actor: Actor, job: Job, now: datetime) -> uuid.UUID:
    """Raises: PermissionRefused, JobRefused."""
    try:
        return action.run(actor=actor, subject=job.subject, now=now)
    except ObjectDoesNotExist as exc:
        raise JobRefused("What this job worked on was deleted, so nothing can be done with the job.") from exc


@transaction.atomic
def job_cancel(*, actor: Actor, job: Job, now: datetime) -> None:
    """End an unfinished job and the work of its subject. Raises: PermissionRefused, JobRefused (nothing was changed)."""
    kind = job_kinds().get(job.task)
    actor.require(_permission(kind, kind.cancel if kind else None))
    if kind is None or kind.cancel is None:
        instead = kind.instead if kind else ""
        raise JobRefused(instead or "This job cannot be canceled. Open what it works on for what you can do there.")
    if job.outcome:
        raise JobRefused("This job has already finished, so it cannot be canceled.")
    _run(kind.cancel, actor, job, now)
    if kind.cancel.finishes:
        job_cancelled(job=job, error=f"Canceled by {actor.label}.", now=now)
    record(actor=actor, action=CANCELED, target=job, detail={"kind": kind.label, "subject": str(job.subject)}, now=now)


@transaction.atomic
def job_retry(*, actor: Actor, job: Job, now: datetime) -> Job:
    """Do the work of a failed job again. Returns the new job. Raises: PermissionRefused, JobRefused (nothing was changed)."""
    kind = job_kinds().get(job.task)
    actor.require(_permission(kind, kind.retry if kind else None))
    if kind is None or kind.retry is None:
        way = f" Use {kind.retry_api}." if kind and kind.retry_api else ""
        raise JobRefused(f"This job cannot be tried again from here.{way or ' Open what it works on for what you can do there.'}")
    if job.outcome not in (Job.Outcome.FAILED, Job.Outcome.CANCELLED):
        raise JobRefused("Only a job that failed or was canceled can be tried again.")
    subject = _run(kind.retry, actor, job, now)
    again = Job.objects.unfinished().get(task=job.task, subject=subject)
    record(actor=actor, action=RETRIED, target=job, detail={"kind": kind.label, "job": str(again.pk)}, now=now)
    return again
