"""The filters of the list of jobs."""

import django_filters
from django.db.models import QuerySet

from jobs.models import Job, JobQuerySet
from jobs.registry import job_kinds
from web.forms import select
from web.lists.filters import Choice, ListFilter, Search

UNFINISHED = "unfinished"
STATES = {
    UNFINISHED: "not finished", "waiting": "waiting", "running": "running", Job.Outcome.DONE.value: "done", Job.Outcome.FAILED.value: "failed",
    Job.Outcome.CANCELLED.value: "canceled",
}  # fmt: skip


def _kinds() -> list[tuple[str, str]]:
    """This is read when a page is made, because all rooms have registered their kinds then."""
    return sorted(((kind.name, kind.label) for kind in job_kinds().values()), key=lambda choice: choice[1])


class JobFilter(ListFilter):
    search = Search("title", "actor")
    state = Choice("State", STATES.items(), method="in_state", empty="any", help_text="waiting: no worker has begun")
    kind = django_filters.ChoiceFilter(
        choices=_kinds, field_name="task", label="Kind", empty_label="every kind", widget=select(),
        error_messages={"invalid_choice": "There is no such kind of job."}, help_text="the name of a kind, as in the answers",
    )  # fmt: skip

    class Meta:
        model = Job
        fields: list[str] = []

    def in_state(self, rows: JobQuerySet, name: str, value: str) -> "QuerySet[Job]":
        if value in (UNFINISHED, "waiting", "running"):
            chosen: JobQuerySet = getattr(rows, value)()
            return chosen
        return rows.finished(value)
