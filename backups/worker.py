"""Write and verify the file of a backup, or delete it. Runs in a worker on the central node, because only workers hold the root passphrase."""

import contextlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from agent.files import InUse, exclusive_lock, make_folder
from agent.version import VERSION
from audit.actors import SYSTEM, Actor, system_for
from backups.archive import BackupError
from backups.backup import backup_make, backup_verify
from backups.errors import StaleBackup
from backups.models import Backup
from backups.passphrase import passphrase
from backups.schedule import backups_retain
from backups.services import TASK
from backups.states import UNDER_WAY, BackupState
from backups.transition import backup_transition
from jobs.models import Job
from jobs.registry import Retry, handles
from jobs.services import job_finish, job_held, job_step
from nodes.models import Node
from pki.core.errors import PKIError
from sealing.errors import TrustZoneError
from sealing.local_keys import own_store

ELSEWHERE, BUSY = timedelta(seconds=5), timedelta(seconds=10)
STEPS = ("reading the site and writing the encrypted file", "proving the file with a trial restore")
GONE = "There is no such backup any more, for example because the site was restored. Ask for a new one."
TOO_LATE = "It was not finished within an hour, so its passphrase was deleted. Look on the overview whether the worker runs, then ask for a new one."
BY_HAND = "Delete it there yourself: it contains every key of the site."
OUTCOMES = {BackupState.FAILED: Job.Outcome.FAILED, BackupState.CANCELLED: Job.Outcome.CANCELLED}
FAULTS = (BackupError, TrustZoneError, PKIError, OSError)


@handles(TASK)
def backup_advance(*, job: Job) -> None:
    """Make the backup, or delete the file of one that has ended. Raises: Retry.

    A worker that is killed leaves a part of the file. The next worker deletes it, and begins again. The lock keeps a second worker from
    the file while the first one still works.
    """
    backup = Backup.objects.filter(pk=job.subject).first()
    if backup is None:
        return job_finish(job=job, outcome=Job.Outcome.FAILED, now=timezone.now(), error=GONE)
    if own_store().node != str(Node.objects.only("pk").get(is_central=True).pk):
        raise Retry("waiting for a worker on the central node", after=ELSEWHERE)
    if backup.state in UNDER_WAY:
        with job_held(job=job):
            _make(backup, job)
        backup.refresh_from_db()
    problem = "" if backup.state == BackupState.MADE else _delete(backup)
    outcome = Job.Outcome.FAILED if problem else OUTCOMES.get(BackupState(backup.state), Job.Outcome.DONE)
    claimed = Job.objects.filter(pk=job.pk).first() or job  # another worker may have claimed it in the meantime
    return job_finish(job=claimed, outcome=outcome, now=timezone.now(), error=problem or backup.reason)


def _make(backup: Backup, job: Job) -> None:
    """Raises: Retry."""
    actor = system_for(backup.actor)
    with contextlib.suppress(StaleBackup):  # it was canceled, or its time is over
        try:
            make_folder(Path(settings.BACKUP_DIR))
            with exclusive_lock(Path(settings.BACKUP_DIR) / "in-progress.lock", now=timezone.now()):
                _write_and_verify(backup, job, actor)
        except InUse as exc:
            raise Retry(f"waiting for another worker: {exc}", after=BUSY) from exc
        except FAULTS as exc:
            backup_transition(backup=backup, to=BackupState.FAILED, reason=_why(exc), actor=SYSTEM, now=timezone.now())


def _write_and_verify(backup: Backup, job: Job, actor: Actor) -> None:
    """Raises: StaleBackup, BackupError, TrustZoneError, PKIError, OSError."""
    now, store = timezone.now(), own_store()
    place: dict[str, Any] = {"folder": str(settings.BACKUP_DIR), "host": store.host_name, "version": VERSION, "made_at": now}
    job_step(job=job, progress=STEPS[0], done=0, total=len(STEPS), now=now)
    backup_transition(backup=backup, to=BackupState.WRITING, actor=SYSTEM, now=now, **place)
    if problem := _delete(backup):
        raise BackupError(problem)
    secret = _secret(backup)
    made = backup_make(file=backup.path, passphrase=secret, actor=actor, now=now)
    facts: dict[str, Any] = {
        "size": backup.path.stat().st_size,
        "contains": made.contains[:500],
        "nodes": made.nodes,
        "certificates": made.certificates,
    }
    backup_transition(backup=backup, to=BackupState.VERIFYING, actor=SYSTEM, now=timezone.now(), **facts)
    job_step(job=job, progress=STEPS[1], done=1, total=len(STEPS), now=timezone.now())
    backup_verify(file=backup.path, passphrase=secret, actor=actor, now=now)
    ended = timezone.now()
    backup_transition(backup=backup, to=BackupState.MADE, actor=SYSTEM, now=ended, verified_at=ended)
    if backup.scheduled:
        backups_retain(now=ended)


def _secret(backup: Backup) -> str:
    """Raises: BackupError, TrustZoneError, PKIError."""
    if not backup.scheduled:
        return str(backup.sealed_passphrase.text())
    file = settings.BACKUP_PASSPHRASE_FILE
    if not file.exists():
        raise BackupError(f"The passphrase file {file} does not exist on the central node. Write the passphrase into it, with mode 0600.")
    try:
        return passphrase(file, twice=False)
    except BackupError as exc:
        text = str(exc).replace("Check --passphrase-file.", "Correct its permissions.")
        raise BackupError(f"The passphrase file {file} cannot be used. {text}") from exc


def _delete(backup: Backup) -> str:
    """Delete the file, and the part that a terminated worker left. Returns why that was not possible, and what to do; "" if nothing is left."""
    if not backup.folder:
        return ""
    try:
        for path in (backup.path, backup.path.with_name(f".{backup.name}.new")):
            path.unlink(missing_ok=True)
    except OSError as exc:
        return f"The file {backup.path} on {backup.host} could not be deleted: {exc.strerror}. {BY_HAND}"
    return ""


def _why(exc: Exception) -> str:
    if isinstance(exc, OSError) and exc.strerror:
        return (
            f"The folder {settings.BACKUP_DIR} on the central node cannot be used: {exc.strerror}. Make the account of the worker its owner, free "
            "space there, or choose another folder with QMC_BACKUP_DIR."
        )
    return str(exc)


def backups_end_late(*, now: datetime) -> int:
    """Delete the passphrases of backups that were asked for more than an hour ago. These backups fail. Returns how many."""
    ended = 0
    for backup in Backup.objects.too_late(now):
        with contextlib.suppress(StaleBackup):
            backup_transition(backup=backup, to=BackupState.FAILED, reason=TOO_LATE, actor=SYSTEM, now=now)
            ended += 1
    return ended
