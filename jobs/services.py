"""Creating, claiming and ending jobs; leases of periodic work. A claim is a conditional update, so only one holder wins."""

import contextlib
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from jobs.models import Job, PeriodicWork
from jobs.tasks import run

LEASE = timedelta(seconds=120)
NUDGE_AGAIN = timedelta(seconds=10)


def job_create(*, task: str, subject: uuid.UUID, title: str, actor: str, now: datetime) -> Job:
    """Record work on `subject` and nudge a worker when the caller's transaction commits.

    An unfinished job of the same task and subject is used again: one subject is never advanced by two jobs.
    """
    job = Job.objects.unfinished().filter(task=task, subject=subject).first()
    if job is None:
        job = Job.objects.create(task=task, subject=subject, title=title, actor=actor, created_at=now, next_attempt_at=now)
    else:
        Job.objects.filter(pk=job.pk).update(next_attempt_at=now, actor=actor, title=title)
    run.delay_on_commit(str(job.pk))
    return job


def job_nudge(*, task: str, subject: uuid.UUID, now: datetime) -> None:
    """Something happened that the job on `subject` waits for: let it look now."""
    for job in Job.objects.unfinished().filter(task=task, subject=subject):
        Job.objects.filter(pk=job.pk).update(next_attempt_at=now)
        run.delay_on_commit(str(job.pk))


def job_claim(*, job_id: uuid.UUID, now: datetime) -> Job | None:
    """Take the job if it is due and free; None if another worker was first or there is nothing to do."""
    taken = Job.objects.due(now).filter(pk=job_id).update(lease_until=now + LEASE, claims=F("claims") + 1, nudged_at=None)
    return Job.objects.get(pk=job_id) if taken else None


def _release(job: Job, **changes: object) -> None:
    # The claim's number keeps a worker that outlived its lease from writing over its successor.
    Job.objects.filter(pk=job.pk, claims=job.claims, outcome="").update(lease_until=None, **changes)


def job_again(*, job: Job, at: datetime, progress: str = "") -> None:
    """Give the job back, to be tried again at `at`. A nudge that came meanwhile is kept."""
    changed = Job.objects.filter(pk=job.pk, claims=job.claims, outcome="", next_attempt_at=job.next_attempt_at)
    if not changed.update(lease_until=None, next_attempt_at=at, progress=progress[:300]):
        _release(job, progress=progress[:300])


def job_finish(*, job: Job, outcome: Job.Outcome, now: datetime, error: str = "") -> None:
    """End the job. Ending twice changes nothing."""
    _release(job, outcome=outcome, finished_at=now, error=error[:500])


def jobs_nudge_due(*, now: datetime) -> int:
    """Put every due job on the queue again, unless that was just done. Returns how many."""
    nudged = 0
    quiet = Q(nudged_at__isnull=True) | Q(nudged_at__lt=now - NUDGE_AGAIN)
    for job_id in list(Job.objects.due(now).filter(quiet).order_by("next_attempt_at").values_list("pk", flat=True)[:500]):
        if Job.objects.filter(quiet, pk=job_id).update(nudged_at=now):
            run.delay(str(job_id))
            nudged += 1
    return nudged


def lease_take(*, name: str, until: datetime, now: datetime) -> bool:
    """Take the lease `name` until `until`; False while another holds it."""
    if PeriodicWork.objects.filter(name=name, lease_until__lte=now).update(lease_until=until):
        return True
    with contextlib.suppress(IntegrityError), transaction.atomic():
        if not PeriodicWork.objects.filter(name=name).exists():
            PeriodicWork.objects.create(name=name, lease_until=until)
            return True
    return False


@contextlib.contextmanager
def periodic(*, name: str, every: timedelta, now: datetime) -> Iterator[bool]:
    """Run the body if the lease `name` is free; its success or error is left in the row. Yields whether it is ours.

    The lease ends a little before the next turn, so that a second beat adds nothing and a lost worker costs one turn.
    """
    ours = lease_take(name=name, until=now + every * 0.9, now=now)
    try:
        yield ours
    except Exception as exc:
        PeriodicWork.objects.filter(name=name).update(last_error=f"{type(exc).__name__}: {exc}"[:500])
        raise
    if ours:
        PeriodicWork.objects.filter(name=name).update(last_success=now, last_error="")
