"""Revocation lists among the jobs: a list is signed after each revocation, and once a day."""

import uuid
from collections.abc import Collection, Mapping

from django.urls import reverse

from certs.certificates.revocation_lists import TASK
from certs.models import Certificate
from jobs.registry import JobKind, Subject, job_kind_register


def _roots(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    found = Certificate.objects.filter(pk__in=subjects).values_list("pk", "subject")
    return {pk: Subject(subject, reverse("certs:detail", args=[pk])) for pk, subject in found}


job_kind_register(JobKind(TASK, "revocation list", "certs.view_certificate", _roots))
