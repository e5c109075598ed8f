"""Backups among the jobs."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

from django.urls import reverse

from audit.actors import Actor
from backups.errors import BackupRefused, StaleBackup
from backups.models import Backup
from backups.services import ADD, TASK, VIEW, backup_cancel
from jobs.registry import JobAction, JobKind, JobRefused, Subject, job_kind_register


def _backups(subjects: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Subject]:
    found = Backup.objects.filter(pk__in=subjects).values_list("pk", "name")
    return {pk: Subject(name, reverse("backups:backup", args=[pk])) for pk, name in found}


def _cancel(*, actor: Actor, subject: uuid.UUID, now: datetime) -> uuid.UUID:
    try:
        backup_cancel(actor=actor, backup=Backup.objects.get(pk=subject), now=now)
    except (BackupRefused, StaleBackup) as exc:
        raise JobRefused(str(exc)) from exc
    return subject


job_kind_register(
    JobKind(
        TASK,
        "backup",
        VIEW,
        _backups,
        # A worker deletes the part of the file, and then finishes the job.
        cancel=JobAction(ADD, "The passphrase is deleted at once. A worker deletes the unfinished file.", _cancel, finishes=False),
        retry_page=lambda subject: reverse("backups:create"),
        retry_api="POST /api/v1/backups/, with the passphrase",
    )
)
