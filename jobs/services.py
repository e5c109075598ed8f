"""Create, claim and finish jobs, and take leases of periodic work. A claim is a conditional update, so only one worker gets it."""

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from jobs.leases import JOB_LEASE, RETURNED, lease_expired, written_ahead
from jobs.models import Job, JobQuerySet, JobStep, PeriodicWork
from jobs.registry import is_kept, periodic_tasks
from jobs.tasks import run

NUDGE_AGAIN = timedelta(seconds=10)
CANDIDATES = 16
KEPT, BATCH = timedelta(days=90), 1000
MOST_STEPS = 200


def nudge() -> None:
    """Notify a worker that a job may be due."""
    run.delay()


def _nudge_on_commit() -> None:
    # If the broker is down or full, the request succeeds all the same, and the reconcile job sends the nudge later.
    transaction.on_commit(nudge, robust=True)


@transaction.atomic
def job_create(*, task: str, subject: uuid.UUID, title: str, actor: str, now: datetime) -> Job:
    """Record work on `subject` and nudge a worker when the caller's transaction commits.

    An unfinished job of the same task and subject is reused, so two jobs never advance one subject. No worker sees the job before it is returned.
    """
    unfinished = Job.objects.unfinished().filter(task=task, subject=subject)
    wish = {"title": title, "actor": actor, "next_attempt_at": now, "nudged_at": now}
    while not unfinished.update(**wish):
        turn = Job.objects.unfinished().filter(actor=actor).count()
        with contextlib.suppress(IntegrityError), transaction.atomic():  # another process has just made the same job
            Job.objects.create(task=task, subject=subject, turn=turn, created_at=now, **wish)
            break
    _nudge_on_commit()
    return unfinished.get()


def jobs_create(*, task: str, titles: Mapping[uuid.UUID, str], actor: str, now: datetime) -> None:
    """The same for many subjects, each with its title. The caller's transaction must have made them, so that they have no jobs yet."""
    turn = Job.objects.unfinished().filter(actor=actor).count()
    wish = {"task": task, "actor": actor, "created_at": now, "next_attempt_at": now, "nudged_at": now}
    Job.objects.bulk_create(
        Job(subject=subject, title=title, turn=turn + number, **wish) for number, (subject, title) in enumerate(titles.items())
    )
    for _ in titles:
        _nudge_on_commit()


def job_nudge(*, task: str, subject: uuid.UUID, now: datetime) -> None:
    """Make the job on `subject` due now, because something happened that it waits for."""
    if Job.objects.unfinished().filter(task=task, subject=subject).update(next_attempt_at=now, nudged_at=now):
        _nudge_on_commit()


def job_claim(*, now: datetime, only: Job | None = None) -> Job | None:
    """Claim the due job with the first turn, or `only` this one. None if no job is due, or other workers took them.

    A nudge names no job: the worker takes the job that is due first, so the order of the broker does not matter.
    """
    due = Job.objects.due(now).filter(pk=only.pk) if only else Job.objects.due(now)
    for job_id in due.order_by("turn", "next_attempt_at").values_list("pk", flat=True)[:CANDIDATES]:
        taken = Job.objects.due(now).filter(pk=job_id).update(lease_until=now + JOB_LEASE, claims=F("claims") + 1, nudged_at=None)
        if taken:
            return Job.objects.get(pk=job_id)
    return None


def _held(job: Job) -> JobQuerySet:
    """The unfinished job, while this claim of it counts.

    The number of the claim prevents a worker whose lease expired from overwriting the result of the next worker.
    """
    return Job.objects.unfinished().filter(pk=job.pk, claims=job.claims)


def _give_back(job: Job, end: Callable[[JobQuerySet], int]) -> bool:
    """End this claim by `end`. If the job was nudged since, it is due at once, nothing else changes, and the answer is False."""
    if end(_held(job).filter(next_attempt_at=job.next_attempt_at)):
        return True
    _held(job).update(lease_until=None, nudged_at=None)
    return False


def _log(job: Job, text: str, now: datetime) -> None:
    """Add a line to the log of the job if its step has changed. The oldest lines of a long log are deleted."""
    if text == job.progress or not text or not is_kept(job.task):
        return
    JobStep.objects.create(job=job, at=now, text=text)
    too_old = JobStep.objects.filter(job=job).order_by("-pk").values_list("pk", flat=True)[MOST_STEPS : MOST_STEPS + 1].first()
    if too_old is not None:
        JobStep.objects.filter(job=job, pk__lte=too_old).delete()


def job_step(*, job: Job, progress: str, now: datetime, done: int | None = None, total: int | None = None) -> bool:
    """Record the step that a worker begins with its claimed job. False if another worker has the job by now, or if it was cancelled."""
    text = progress[:300]
    if not _held(job).update(progress=text, done=done, total=total):
        return False
    _log(job, text, now)
    job.progress, job.done, job.total = text, done, total
    return True


def job_again(*, job: Job, at: datetime, progress: str = "", done: int | None = None, total: int | None = None) -> None:
    """Release the job. It is tried again at `at`."""
    text = progress[:300]
    if _give_back(job, lambda held: held.update(lease_until=None, next_attempt_at=at, progress=text, done=done, total=total)):
        _log(job, text, timezone.now())


def job_finish(*, job: Job, outcome: Job.Outcome, now: datetime, error: str = "") -> None:
    """Finish the job. A second call changes nothing."""
    if is_kept(job.task):
        _give_back(job, lambda held: held.update(lease_until=None, outcome=outcome, finished_at=now, error=error[:500]))
    else:
        _give_back(job, lambda held: held.delete()[0])


def job_cancelled(*, job: Job, now: datetime, error: str) -> bool:
    """Finish an unfinished job as cancelled, whoever holds it. False if it has finished already. Its subject must be changed in the same transaction."""
    cancelled = {"lease_until": None, "outcome": Job.Outcome.CANCELLED, "finished_at": now, "error": error[:500]}
    return bool(Job.objects.unfinished().filter(pk=job.pk).update(**cancelled))


def lease_extend(*, job: Job, now: datetime) -> bool:
    """Extend the lease of a claimed job. False if another worker has the job by now, or if it has finished."""
    return bool(_held(job).update(lease_until=now + JOB_LEASE))


@contextlib.contextmanager
def job_held(*, job: Job) -> Iterator[None]:
    """Keep the claim of a job during work that takes longer than its lease. If the process is terminated, the lease expires."""
    done = threading.Event()

    def keep() -> None:
        try:
            while not done.wait(JOB_LEASE.total_seconds() / 3):
                with contextlib.suppress(DatabaseError):  # it is tried again in time
                    lease_extend(job=job, now=timezone.now())
        finally:
            connection.close()  # that of this thread

    keeper = threading.Thread(target=keep, name=f"lease of {job.pk}", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def jobs_nudge_due(*, now: datetime) -> int:
    """Nudge once for every due job that was not nudged just now. Returns the number."""
    nudged = 0
    quiet = Q(nudged_at__isnull=True) | Q(nudged_at__lt=now - NUDGE_AGAIN) | written_ahead("nudged_at", now)
    for job_id in list(Job.objects.due(now).filter(quiet).order_by("next_attempt_at").values_list("pk", flat=True)[:500]):
        if Job.objects.filter(quiet, pk=job_id).update(nudged_at=now):
            nudge()
            nudged += 1
    return nudged


def jobs_delete_old(*, now: datetime) -> int:
    """Delete jobs that finished more than 90 days ago. Returns how many. Other writers wait for one batch at most."""
    deleted = 0
    old = Job.objects.filter(finished_at__lt=now - KEPT).order_by("finished_at").values_list("pk", flat=True)
    while batch := list(old[:BATCH]):
        deleted += Job.objects.filter(pk__in=batch).delete()[0]
    return deleted


def jobs_follow_clock(*, name: str, now: datetime) -> None:
    """If the last success of the periodic work `name` is in the future, the clock was set back. Then make the jobs due that it delayed.

    Successes of periodic work that are dated in the future get the current time. Otherwise the work would be reported until it runs next.
    """
    ahead = PeriodicWork.objects.filter(written_ahead("last_success", now), name__in=[task.name for task in periodic_tasks()])
    if ahead.filter(name=name).exists():
        Job.objects.unfinished().filter(next_attempt_at__gt=now).update(next_attempt_at=now)
        ahead.update(last_success=now)


def lease_take(*, name: str, length: timedelta, now: datetime) -> bool:
    """Take the lease `name`; False while another process holds it. A lease of one name always has the same length."""
    until = now + length
    if PeriodicWork.objects.filter(lease_expired(now, length), name=name).update(lease_until=until):
        return True
    with contextlib.suppress(IntegrityError), transaction.atomic():
        if not PeriodicWork.objects.filter(name=name).exists():
            PeriodicWork.objects.create(name=name, lease_until=until)
            return True
    return False


def lease_free(*, name: str) -> None:
    """Return the lease before it expires. The next process can take it, whatever the clock says then."""
    PeriodicWork.objects.filter(name=name).update(lease_until=RETURNED)


@contextlib.contextmanager
def periodic(*, name: str, every: timedelta, now: datetime) -> Iterator[bool]:
    """Take the lease `name` and yield whether that succeeded. The row records the success or the error of the body.

    The lease expires a little before the next turn, so that a second scheduler adds nothing and a lost worker costs one turn.
    """
    ours = lease_take(name=name, length=every * 0.9, now=now)
    try:
        yield ours
    except Exception as exc:
        PeriodicWork.objects.filter(name=name).update(last_error=f"{type(exc).__name__}: {exc}"[:500])
        raise
    if ours:
        PeriodicWork.objects.filter(name=name).update(last_success=now, last_error="")
