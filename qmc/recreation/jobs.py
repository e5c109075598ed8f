"""Recreations of the root among the jobs. One that failed is requested again on its page, which asks for the name of the trust zone."""

import uuid
from collections.abc import Collection, Mapping

from django.urls import reverse

from certs.models import TrustZone
from jobs.registry import JobKind, Subject, job_kind_register
from qmc.recreation.services import PERMISSION, TASK


def _zones(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    found = TrustZone.objects.filter(pk__in=subjects).values_list("pk", "name")
    return {pk: Subject(name, reverse("recreation")) for pk, name in found}


job_kind_register(JobKind(TASK, "recreation of the root", PERMISSION, _zones, retry_page=lambda subject: reverse("recreate_root")))
