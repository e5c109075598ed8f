"""Segments of the audit log among the jobs: their files are written, or their events are removed."""

import uuid
from collections.abc import Collection, Mapping

from django.urls import reverse

from audit.models import Segment
from audit.retention.services import TASK
from jobs.registry import JobKind, Subject, job_kind_register


def _segments(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    return {segment.pk: Subject(str(segment), reverse("audit:segments")) for segment in Segment.objects.filter(pk__in=subjects)}


job_kind_register(JobKind(TASK, "removal of old events", "audit.view_event", _segments))
