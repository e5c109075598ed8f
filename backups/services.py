"""Ask for a backup, cancel it, download it and remove it. A worker writes and deletes the file: backups.worker."""

import uuid
from datetime import datetime
from typing import IO, Any

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.actors import Actor
from audit.record import record
from backups.archive import LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE, BackupError
from backups.errors import BackupRefused
from backups.models import Backup
from backups.states import BackupState
from backups.transition import backup_transition
from certs.zone.services import zone_current
from jobs.models import Job
from jobs.services import job_create, job_nudge
from web.errors import InputInvalid

TASK = "backup"
VIEW, ADD, DOWNLOAD, DELETE = "backups.view_backup", "backups.add_backup", "backups.download_backup", "backups.delete_backup"
FEWEST_CHARACTERS = 6
ADVICE = "Use four or more random words, or let a password manager make it."


def passphrase_problem(passphrase: str) -> str:
    """Why a passphrase is too weak for a file with every key of the site, and what to do; "" if it is strong enough."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        return f"The passphrase has {len(passphrase)} characters. It needs at least {SHORTEST_PASSPHRASE}. {ADVICE}"
    if len(passphrase) > LONGEST_PASSPHRASE:
        return f"The passphrase has {len(passphrase)} characters. At most {LONGEST_PASSPHRASE} are possible."
    if "\n" in passphrase or "\r" in passphrase:
        return "The passphrase has a line break. Remove it."
    if passphrase.isdigit():
        return f"The passphrase has only digits. A program tries all of them. {ADVICE}"
    if len(set(passphrase)) < FEWEST_CHARACTERS:
        return f"The passphrase has fewer than {FEWEST_CHARACTERS} different characters. {ADVICE}"
    try:
        CommonPasswordValidator().validate(passphrase)
    except ValidationError:
        return f"This passphrase is in lists of common passwords. {ADVICE}"
    return ""


def backup_ask(*, actor: Actor, passphrase: str, request: uuid.UUID | None = None, now: datetime) -> Backup:
    """Ask for a backup. A worker makes and verifies it. The same `request` asks once.

    Raises: PermissionRefused, InputInvalid, BackupRefused while another backup is in progress, ZoneMissing, ZoneBroken, UnknownKey.
    """
    actor.require(ADD)
    if problem := passphrase_problem(passphrase):
        raise InputInvalid({"passphrase": [problem]})
    if request and (first := Backup.objects.filter(request=request).first()):
        return first
    return backup_record(actor=actor, now=now, sealed_passphrase=passphrase, request=request)


def backup_record(*, actor: Actor, now: datetime, **fields: Any) -> Backup:
    """Record a backup with its job and its event. Raises: BackupRefused while another one is in progress, ZoneMissing."""
    zone, pk = zone_current(), uuid.uuid4()
    name = f"{zone.name}-{now:%Y-%m-%dT%H%M%SZ}-{pk.hex[:6]}.age"
    backup = Backup(pk=pk, actor=actor.label[:200], created_at=now, state_since=now, name=name, zone=zone.name, **fields)
    try:
        with transaction.atomic():
            backup.save(force_insert=True)
            record(actor=actor, action="backup.asked", target=backup, detail={"scheduled": backup.scheduled}, now=now)
            _ask(backup, f"Backup {backup}", actor, now)
    except IntegrityError as exc:
        if again := Backup.objects.filter(request=backup.request).first() if backup.request else None:
            return again  # the same form, sent twice at the same time
        raise BackupRefused("Another backup is in progress. Wait until it has finished, or cancel it on the page of its job.") from exc
    return backup


def _ask(backup: Backup, title: str, actor: Actor, now: datetime) -> None:
    job_create(task=TASK, subject=backup.pk, title=title, actor=actor.label, now=now)


def backup_job(backup: Backup) -> Job | None:
    """Its newest job, which has the progress."""
    return Job.objects.filter(task=TASK, subject=backup.pk).order_by("-created_at").first()


def backup_cancel(*, actor: Actor, backup: Backup, now: datetime) -> None:
    """End a backup whose file is not complete. Its passphrase is deleted at once. Raises: PermissionRefused, BackupRefused, StaleBackup."""
    actor.require(ADD)
    if backup.state == BackupState.VERIFYING:
        raise BackupRefused(
            "The file is complete and is being verified, so this backup cannot be canceled any more. Remove it when it is made."
        )
    with transaction.atomic():
        backup_transition(backup=backup, to=BackupState.CANCELLED, reason=f"Canceled by {actor.label}.", actor=actor, now=now)
        job_nudge(task=TASK, subject=backup.pk, now=now)


@transaction.atomic
def backup_remove(*, actor: Actor, backup: Backup, now: datetime) -> None:
    """Remove a backup. A worker deletes its file. Raises: PermissionRefused, BackupRefused, StaleBackup."""
    actor.require(DELETE)
    backup_transition(backup=backup, to=BackupState.REMOVED, actor=actor, now=now)
    _ask(backup, f"Removal of the backup {backup}", actor, now)


def backup_open(*, actor: Actor, backup: Backup, now: datetime) -> IO[bytes]:
    """The file, to be sent. Each download is an event. Raises: PermissionRefused, BackupRefused, BackupError if it cannot be read here."""
    actor.require(DOWNLOAD)
    if backup.state != BackupState.MADE:
        raise BackupRefused("This backup has no file. Choose a backup that is made and verified.")
    try:
        file = backup.path.open("rb")
    except FileNotFoundError as exc:
        raise BackupError(
            f"The file is not in {backup.folder} on this machine. It was moved, or it is on {backup.host}. Copy it from there, or remove this backup."
        ) from exc
    except OSError as exc:
        raise BackupError(
            f"The file {backup.path} cannot be read by the console: {exc.strerror}. Copy it on {backup.host}, or set QMC_GROUP for both accounts."
        ) from exc
    record(actor=actor, action="backup.downloaded", target=backup, detail={"size": backup.size}, now=now)
    return file
