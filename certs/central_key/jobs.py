"""The re-encryption with a new central key among the jobs."""

import uuid
from collections.abc import Collection, Mapping

from django.urls import reverse

from certs.central_key.services import TASK
from certs.models import CentralKey
from jobs.registry import JobKind, Subject, job_kind_register


def _versions(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    return {version.pk: Subject(str(version), reverse("database_key:show")) for version in CentralKey.objects.filter(pk__in=subjects)}


job_kind_register(JobKind(TASK, "re-encryption", "certs.view_rotation", _versions))
