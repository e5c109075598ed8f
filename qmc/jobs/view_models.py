"""A job in a list, and the page of a job."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from audit.actors import Actor
from jobs.models import Job, JobStep
from jobs.registry import JobKind, Subject, job_kinds
from pki.core import clocks
from web.page import may_open_path

PLAIN = ("title", "actor", "created_at", "finished_at", "progress", "done", "total", "error")


@dataclass(frozen=True)
class JobLine:
    """A job in a list. `kind` is None for work of a newer version, and `subject` if it was deleted."""

    job: Job
    kind: JobKind | None
    subject: Subject | None

    @property
    def state(self) -> str:
        return self.job.outcome or ("running" if self.job.claims else "waiting")

    @property
    def label(self) -> str:
        return self.kind.label if self.kind else self.job.task

    @property
    def has_share(self) -> bool:
        """Whether a bar shows its progress."""
        return not self.job.outcome and self.job.done is not None and bool(self.job.total)

    @property
    def step(self) -> str:
        """What happens now, or why it ended."""
        return self.job.error if self.job.outcome else self.job.progress

    @property
    def took(self) -> str:
        """The time from the request to the end."""
        return clocks.length(self.job.finished_at - self.job.created_at) if self.job.finished_at else ""


def job_lines(jobs: Iterable[Job]) -> list[JobLine]:
    """Jobs with their subjects: one query for each kind."""
    jobs, kinds, subjects = list(jobs), job_kinds(), dict[Any, Subject]()
    of_kind = defaultdict(list)
    for job in jobs:
        of_kind[job.task].append(job.subject)
    for name, keys in of_kind.items():
        if name in kinds:
            subjects |= {(name, key): subject for key, subject in kinds[name].subjects(keys).items()}
    return [JobLine(job, kinds.get(job.task), subjects.get((job.task, job.subject))) for job in jobs]


def job_json(line: JobLine) -> dict[str, Any]:
    subject = line.subject
    return {
        "id": str(line.job.pk), "kind": line.job.task, "state": line.state, **{name: getattr(line.job, name) for name in PLAIN},
        "subject": str(line.job.subject), "subject_name": subject.name if subject else "", "subject_path": subject.path if subject else "",
    }  # fmt: skip


@dataclass(frozen=True)
class JobPage:
    """A job with its log. `retry_path` is the page that does the work again, if that needs an input."""

    line: JobLine
    steps: list[JobStep]
    may_cancel: bool
    may_retry: bool
    retry_path: str

    @property
    def job(self) -> Job:
        return self.line.job

    @property
    def seconds(self) -> int:
        """The interval at which the page reloads its parts."""
        return 60 if self.job.outcome else 2


def job_page(job: Job, *, actor: Actor) -> JobPage:
    """The page of a job, with what `actor` may do."""
    (line,) = job_lines([job])
    kind, ended = line.kind, job.outcome in (Job.Outcome.FAILED, Job.Outcome.CANCELLED)
    path = kind.retry_page(job.subject) if kind and kind.retry_page and ended and line.subject else ""
    return JobPage(
        line=line,
        steps=list(job.steps.all()),
        may_cancel=not job.outcome and kind is not None and kind.cancel is not None and kind.cancel.is_offered(actor, job.subject),
        may_retry=ended and kind is not None and kind.retry is not None and kind.retry.is_offered(actor, job.subject),
        retry_path=path if path and may_open_path(actor, path) else "",
    )


@dataclass(frozen=True)
class JobActionPage:
    """The confirmation of an action on a job. `error` says why it was refused."""

    line: JobLine
    title: str
    effect: str
    button: str
    color: str
    error: str = ""


def job_cancel_page(job: Job, *, error: str = "") -> JobActionPage:
    (line,) = job_lines([job])
    effect = line.kind.cancel.effect if line.kind and line.kind.cancel else ""
    return JobActionPage(line, "Cancel this job?", effect, "Cancel the job", "danger", error)


def job_retry_page(job: Job, *, error: str = "") -> JobActionPage:
    (line,) = job_lines([job])
    effect = line.kind.retry.effect if line.kind and line.kind.retry else ""
    return JobActionPage(line, "Try this again?", effect, "Try again", "primary", error)


def job_detail_json(page: JobPage) -> dict[str, Any]:
    steps = [{"at": step.at, "text": step.text} for step in page.steps]
    return job_json(page.line) | {"cancelable": page.may_cancel, "retryable": page.may_retry, "steps": steps}
