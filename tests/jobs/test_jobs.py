"""Jobs: their order, their claims and leases, and that no nudge is lost."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from jobs import clock, registry, services
from jobs.clock import Watch
from jobs.leases import JOB_LEASE, SKEW
from jobs.models import FARTHEST, Job, JobQuerySet, PeriodicWork
from jobs.services import (
    MOST_STEPS,
    job_again,
    job_claim,
    job_create,
    job_finish,
    job_nudge,
    job_step,
    jobs_create,
    jobs_delete_old,
    jobs_follow_clock,
    jobs_nudge_due,
    lease_extend,
    lease_free,
    lease_take,
    periodic,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def make(actor: str = "ann", subject: uuid.UUID | None = None) -> Job:
    return job_create(task="task", subject=subject or uuid.uuid4(), title="work", actor=actor, now=NOW)


def claimed(now: datetime = NOW) -> Job:
    job = job_claim(now=now)
    assert job is not None
    return job


def test_a_single_job_runs_before_another_actors_bulk() -> None:
    bulk, single = [make("bulk") for _ in range(20)], make("ann")
    assert [claimed().pk, claimed().pk] == [bulk[0].pk, single.pk]


def test_a_claimed_job_has_one_worker_until_its_lease_expires() -> None:
    job = make()
    assert claimed().pk == job.pk
    assert job_claim(now=NOW + JOB_LEASE) is None
    assert claimed(NOW + JOB_LEASE + timedelta(seconds=1)).claims == 2


def test_a_released_job_waits_for_its_time() -> None:
    make()
    job_again(job=claimed(), at=LATER, progress="waits")
    assert job_claim(now=NOW) is None
    assert claimed(LATER).progress == "waits"


@pytest.mark.parametrize("end", ["again", "finish"])
def test_a_nudge_while_a_job_finishes_is_not_lost(end: str) -> None:
    job = make()
    held = claimed()
    job_nudge(task="task", subject=job.subject, now=NOW + timedelta(seconds=1))
    if end == "again":
        job_again(job=held, at=LATER)
    else:
        job_finish(job=held, outcome=Job.Outcome.FAILED, now=NOW)
    assert claimed(NOW + timedelta(seconds=2)).pk == job.pk


def test_a_long_log_keeps_its_newest_lines() -> None:
    make()
    job = claimed()
    for number in range(MOST_STEPS + 5):
        job_step(job=job, progress=f"step {number}", now=NOW)
    texts = [step.text for step in job.steps.all()]
    assert (len(texts), texts[0], texts[-1]) == (MOST_STEPS, "step 5", f"step {MOST_STEPS + 4}")


def test_a_job_that_is_not_kept_is_deleted_when_it_finishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_not_kept", {"task"})
    job = make()
    held = claimed()
    job_again(job=held, at=NOW, progress="sending")
    assert not job.steps.exists()
    job_finish(job=claimed(), outcome=Job.Outcome.DONE, now=NOW)
    assert not Job.objects.exists()
    again = make(subject=job.subject)
    held = claimed()
    job_nudge(task="task", subject=again.subject, now=NOW + timedelta(seconds=1))
    job_finish(job=held, outcome=Job.Outcome.DONE, now=NOW)
    assert Job.objects.get().lease_until is None  # something happened meanwhile


def test_a_lease_is_extended_only_by_the_worker_that_holds_it() -> None:
    make()
    first = claimed()
    assert lease_extend(job=first, now=NOW + timedelta(seconds=20))
    assert job_claim(now=NOW + timedelta(seconds=49)) is None
    second = claimed(NOW + timedelta(seconds=51))
    assert (lease_extend(job=first, now=LATER), lease_extend(job=second, now=LATER)) == (False, True)
    job_finish(job=second, outcome=Job.Outcome.DONE, now=LATER)
    assert not lease_extend(job=second, now=LATER)


def test_a_worker_whose_lease_expired_finishes_no_job() -> None:
    make()
    late, after = claimed(), NOW + JOB_LEASE + timedelta(seconds=1)
    claimed(after)
    job_finish(job=late, outcome=Job.Outcome.DONE, now=after)
    assert Job.objects.unfinished().filter(lease_until__gt=after).count() == 1


def test_an_unfinished_job_of_a_subject_is_reused() -> None:
    job = make()
    assert make("ben", job.subject).pk == job.pk
    assert Job.objects.get().actor == "ben"


def test_periodic_work_runs_once_per_period_and_records_its_success() -> None:
    turns = []
    for now in (NOW, NOW, NOW + timedelta(seconds=60)):
        with periodic(name="sweep", every=timedelta(seconds=60), now=now) as ours:
            turns.append(ours)
    assert turns == [True, False, True]
    assert PeriodicWork.objects.get().last_success == NOW + timedelta(seconds=60)


def test_an_error_of_periodic_work_is_recorded() -> None:
    with pytest.raises(ZeroDivisionError), periodic(name="sweep", every=timedelta(seconds=60), now=NOW):
        raise ZeroDivisionError("no")
    assert PeriodicWork.objects.get().last_error == "ZeroDivisionError: no"


def test_a_returned_lease_is_free_at_once() -> None:
    assert lease_take(name="pool", length=LATER - NOW, now=NOW)
    assert not lease_take(name="pool", length=LATER - NOW, now=NOW)
    lease_free(name="pool")
    assert lease_take(name="pool", length=LATER - NOW, now=NOW)
    lease_free(name="pool")
    for back in (1, 120, 299, 86400):  # the clock is set back: nobody holds it all the same
        assert lease_take(name="pool", length=LATER - NOW, now=NOW - timedelta(seconds=back)), back
        lease_free(name="pool")


BACK, SECOND = timedelta(days=2), timedelta(seconds=1)
# what was written, some of it before the clock was set back → whether it can be taken now
WRITTEN = {
    "another's lease": ({"lease_until": NOW + JOB_LEASE}, False),
    "a lease from before": ({"lease_until": NOW + BACK + JOB_LEASE}, True),
    "put off": ({"next_attempt_at": NOW + timedelta(minutes=1)}, False),
    "put off from before": ({"next_attempt_at": NOW + BACK}, True),
    "both from before": ({"next_attempt_at": NOW + BACK, "lease_until": NOW + BACK}, True),
    "a lease of a clock that is a little ahead": ({"lease_until": NOW + JOB_LEASE + SKEW}, False),
    "a lease of a clock that was set back by a little more": ({"lease_until": NOW + JOB_LEASE + SKEW + SECOND}, True),
    "a lease of a clock that was set back by two minutes": ({"lease_until": NOW + timedelta(minutes=2)}, True),
    "put off as far as may be": ({"next_attempt_at": NOW + FARTHEST + SKEW}, False),
    "put off further": ({"next_attempt_at": NOW + FARTHEST + SKEW + SECOND}, True),
}


@pytest.mark.parametrize(("written", "taken"), WRITTEN.values(), ids=WRITTEN.keys())
def test_a_job_continues_after_the_clock_is_set_back(written: dict[str, datetime], taken: bool) -> None:
    job = make()
    Job.objects.filter(pk=job.pk).update(**{"nudged_at": NOW + BACK} | written)
    assert (jobs_nudge_due(now=NOW), job_claim(now=NOW) is not None) == (int(taken), taken)


@pytest.mark.parametrize("every", [SECOND, timedelta(minutes=1), timedelta(days=1)], ids=str)
@pytest.mark.parametrize(
    ("beyond", "taken"), [(-SECOND / 2, False), (SKEW, False), (SKEW + SECOND, True), (timedelta(minutes=2), True), (BACK, True)], ids=str
)
def test_a_lease_counts_only_as_far_as_it_could_be_taken_now(every: timedelta, beyond: timedelta, taken: bool) -> None:
    PeriodicWork.objects.create(name="sweep", lease_until=NOW + every + beyond)
    assert lease_take(name="sweep", length=every, now=NOW) is taken


@pytest.mark.parametrize(("back", "due"), [(timedelta(seconds=5), False), (timedelta(minutes=2), True), (BACK, True)], ids=str)
def test_jobs_delayed_by_a_clock_ahead_are_due_when_it_is_set_back(back: timedelta, due: bool) -> None:
    make()
    job_again(job=claimed(), at=NOW + timedelta(seconds=20))
    PeriodicWork.objects.create(name="reconcile", lease_until=NOW, last_success=NOW)
    jobs_follow_clock(name="reconcile", now=NOW - back)
    assert (job_claim(now=NOW - back) is not None) is due


# how far the wall clock and the steady one went between two looks → the jump
LOOKS = {
    "ten seconds": (10, 10, 0), "slewed": (10, 60, 0), "slewed back": (60, 10, 0), "asleep": (86400, 86400, 0),
    "two days back": (-172800, 10, -172810), "ten minutes ahead": (610, 10, 600), "a minute and a bit": (72, 10, 62),
}  # fmt: skip


@pytest.mark.parametrize(("wall", "steady", "jump"), LOOKS.values(), ids=LOOKS.keys())
def test_a_jump_of_the_clock_is_noticed(wall: int, steady: int, jump: int) -> None:
    watch = Watch()
    assert watch.jumped(now=NOW, steady_s=5.0) == timedelta(0)
    assert watch.jumped(now=NOW + timedelta(seconds=wall), steady_s=5.0 + steady) == timedelta(seconds=jump)
    assert watch.jumped(now=NOW + timedelta(seconds=wall + 1), steady_s=6.0 + steady) == timedelta(0)


def test_a_jump_is_reported_for_an_hour_or_until_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_watch", Watch())
    for now, expected in ((NOW + BACK, None), (NOW, (NOW, pytest.approx(-BACK.total_seconds(), abs=5)))):
        clock.clock_look(now=now)
        assert clock.clock_jump(now=now) == expected
    assert clock.clock_jump(now=NOW + timedelta(minutes=59)) is not None
    assert clock.clock_jump(now=NOW + timedelta(minutes=61)) is None
    assert clock.clock_jump(now=NOW - BACK) is None
    clock.clock_confirm()
    assert clock.clock_jump(now=NOW) is None


def test_many_jobs_at_once_keep_their_order() -> None:
    titles = {uuid.uuid4(): f"work {number}" for number in range(3)}
    jobs_create(task="task", titles=titles, actor="anna", now=NOW)
    assert list(Job.objects.order_by("turn").values_list("turn", "title")) == [(0, "work 0"), (1, "work 1"), (2, "work 2")]
    assert make(actor="ben").turn == 0


def test_jobs_are_deleted_90_days_after_they_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "BATCH", 2)
    finished = [make() for _ in range(6)]
    for number, job in enumerate(finished):
        outcome = Job.Outcome.FAILED if number % 2 else Job.Outcome.DONE
        job_finish(job=job, outcome=outcome, now=NOW - timedelta(days=90, seconds=number - 1))
    waiting = make()
    Job.objects.filter(pk=waiting.pk).update(created_at=NOW - timedelta(days=400))
    assert jobs_delete_old(now=NOW) == 4  # two are not older than 90 days
    assert set(Job.objects.values_list("pk", flat=True)) == {finished[0].pk, finished[1].pk, waiting.pk}
    assert jobs_delete_old(now=NOW) == 0


QUERIES = {
    "due": lambda: Job.objects.due(NOW).order_by("turn", "next_attempt_at"),
    "pressing": lambda: Job.objects.pressing(NOW),
    "the turn of an actor": lambda: Job.objects.unfinished().filter(actor="ann"),
    "the unfinished job of a subject": lambda: Job.objects.unfinished().filter(task="task", subject=uuid.UUID(int=1)),
    "old": lambda: Job.objects.filter(finished_at__lt=NOW),
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_no_query_reads_all_finished_jobs(query: Callable[[], JobQuerySet]) -> None:
    plan = query().explain()
    assert any(
        index in plan
        for index in ("unfinished_in_line", "unfinished_of_actor", "one_unfinished_job", "jobs_job_subject", "finished_by_age")
    ), plan
