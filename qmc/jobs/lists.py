"""The list of jobs."""

from datetime import datetime
from typing import Any

from jobs.models import Job
from qmc.jobs.filters import JobFilter
from qmc.jobs.view_models import PLAIN, JobLine, job_json, job_lines
from web.lists.declared import Column, List


class JobList(List):
    model = Job
    noun, caption = "job", "Jobs"
    empty = "No jobs in the last 90 days. Registrations, renewals, exports, rotations and backups appear here."
    filters = JobFilter
    columns = (
        Column("title", "Job", "qmc/jobs/cell_title.html"),
        Column("state", "State", "qmc/jobs/cell_state.html"),
        Column("actor", "Asked by", "qmc/jobs/cell_actor.html"),
        Column("created_at", "Asked", "qmc/jobs/cell_created.html", sort="created_at"),
    )
    sort = "-created_at"
    csv = ("id", "kind", "state", *PLAIN, "subject", "subject_name")
    reasons = ("progress", "error")

    def shown(self, rows: list[Job], now: datetime) -> list[JobLine]:
        return job_lines(rows)

    def json(self, rows: list[Job], now: datetime) -> list[dict[str, Any]]:
        return [job_json(line) for line in job_lines(rows)]
