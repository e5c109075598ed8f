"""Exports among the jobs. An export that failed is renewed on its page, because that needs its options and its password."""

import uuid
from collections.abc import Collection, Mapping

from django.urls import reverse

from certs.exports.services import TASK
from certs.models import Export
from jobs.registry import JobKind, Subject, job_kind_register


def _exports(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    found = Export.objects.filter(pk__in=subjects).values_list("pk", "machine")
    return {pk: Subject(machine, reverse("exports:detail", args=[pk])) for pk, machine in found}


job_kind_register(
    JobKind(
        TASK,
        "export",
        "certs.view_export",
        _exports,
        retry_page=lambda subject: reverse("exports:renew", args=[subject]),
        retry_api="POST /api/v1/exports/{id}/renew/, with the options of the export",
    )
)
