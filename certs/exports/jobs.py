"""Exports among the jobs. A new one can be canceled. One that failed is renewed on its page, because that needs its options and its password."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

from django.urls import reverse

from audit.actors import Actor
from certs.exports.services import TASK, export_revoke
from certs.models import Certificate, Export
from certs.states import ExportStatus
from jobs.registry import JobAction, JobKind, JobRefused, Subject, job_kind_register
from pki.issuing.revocation_list import RevocationCode
from sealing.errors import TrustZoneError


def _exports(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    found = Export.objects.filter(pk__in=subjects).values_list("pk", "machine")
    return {pk: Subject(machine, reverse("exports:detail", args=[pk])) for pk, machine in found}


def _is_new(subject: uuid.UUID) -> bool:
    """Whether the export has no certificates that are in use: it is being made for the first time."""
    return (
        Export.objects.filter(pk=subject, status=ExportStatus.REQUESTED).exists()
        and not Certificate.objects.issued().filter(holder_id=subject).exists()
    )


def _cancel(*, actor: Actor, subject: uuid.UUID, now: datetime) -> uuid.UUID:
    if not _is_new(subject):
        raise JobRefused(
            "This export already has certificates, so its job cannot be canceled. If nobody needs the export, revoke it on its page."
        )
    try:
        code, reason = RevocationCode.CESSATION_OF_OPERATION, f"canceled by {actor.label}"
        export_revoke(actor=actor, export=Export.objects.get(pk=subject), reason=reason, code=code, now=now)
    except TrustZoneError as exc:
        raise JobRefused(str(exc)) from exc
    return subject


def _offered(*, actor: Actor, subject: uuid.UUID) -> bool:
    return _is_new(subject)


job_kind_register(
    JobKind(
        TASK,
        "export",
        "certs.view_export",
        _exports,
        # The job goes on, because a worker deletes the folder.
        cancel=JobAction(
            "certs.revoke_export",
            "The export ends as revoked, and a worker deletes its folder. The name of the machine can be used for another export.",
            _cancel,
            finishes=False,
            offered=_offered,
        ),
        retry_page=lambda subject: reverse("exports:renew", args=[subject]),
        retry_api="POST /api/v1/exports/{id}/renew/, with the options of the export",
    )
)
