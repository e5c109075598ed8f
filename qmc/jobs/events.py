"""Wording of the events of jobs."""

from audit.event_lines import wording_register
from audit.models import Event
from audit.object_pages import object_page_register
from jobs.models import Job
from qmc.jobs.services import CANCELED, RETRIED

object_page_register(Job.objects.all(), "jobs:job")


@wording_register(CANCELED)
def canceled(event: Event) -> tuple[str, str]:
    return f"Job canceled: {event.detail['kind']}", "orange"


@wording_register(RETRIED)
def retried(event: Event) -> tuple[str, str]:
    return f"Job tried again: {event.detail['kind']}", "blue"
