"""Bulk work among the jobs."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

from django.urls import reverse

from audit.actors import Actor
from bulk.errors import BulkError
from bulk.models import BulkWork
from bulk.services import TASK, bulk_cancel, may_cancel
from jobs.registry import JobAction, JobKind, JobRefused, Subject, job_kind_register

VIEW = "bulk.view_bulkwork"


def _works(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    found = BulkWork.objects.filter(pk__in=subjects).values_list("pk", "title")
    return {pk: Subject(title, reverse("bulk:detail", args=[pk])) for pk, title in found}


def _cancel(*, actor: Actor, subject: uuid.UUID, now: datetime) -> uuid.UUID:
    try:
        bulk_cancel(actor=actor, work=BulkWork.objects.get(pk=subject), now=now)
    except BulkError as exc:
        raise JobRefused(str(exc)) from exc
    return subject


def _offered(*, actor: Actor, subject: uuid.UUID) -> bool:
    work = BulkWork.objects.filter(pk=subject).first()
    return work is not None and may_cancel(actor, work)


job_kind_register(
    JobKind(
        TASK,
        "many rows",
        VIEW,
        _works,
        # The worker ends the rows that are left, and then the job.
        cancel=JobAction(
            VIEW,
            "The action is done to no further row. What was done stays, and its page names it.",
            _cancel,
            finishes=False,
            offered=_offered,
        ),
    )
)
