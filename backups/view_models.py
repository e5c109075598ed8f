"""A backup in a list and on its page, and the page of all backups."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from attention.work import periodic_work
from audit.actors import Actor
from backups.backup import BACKUP_PATIENCE, VERIFIED
from backups.models import Backup, BackupSchedule
from backups.schedule import CHANGE, schedule_current
from backups.services import ADD, DELETE, DOWNLOAD, backup_job
from backups.states import BackupState
from jobs.models import Job
from pki.core.commands import QMC
from web.words import counted

PLAIN = (
    "name", "state", "reason", "scheduled", "actor", "created_at", "made_at", "verified_at", "size", "contains", "nodes", "certificates", "version", "zone",
    "folder", "host",
)  # fmt: skip
NEVER = "No backup is made automatically."
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def backup_json(backup: Backup) -> dict[str, Any]:
    return {"id": str(backup.pk), **{name: getattr(backup, name) for name in PLAIN}}


@dataclass(frozen=True)
class BackupLine:
    """A backup in a list."""

    backup: Backup

    @property
    def size(self) -> str:
        return filesizeformat(self.backup.size) if self.backup.size else ""

    @property
    def content(self) -> str:
        """What it contains, in numbers."""
        if self.backup.nodes is None or self.backup.certificates is None:
            return ""
        return f"{counted(self.backup.nodes, 'node')}, {counted(self.backup.certificates, 'certificate')}"

    @property
    def asked_by(self) -> str:
        return "schedule" if self.backup.scheduled else self.backup.actor


@dataclass(frozen=True)
class BackupPage:
    """One backup. `job` has its progress. `error` says why a request was refused."""

    line: BackupLine
    job: Job | None
    may_download: bool
    may_remove: bool
    error: str = ""

    @property
    def backup(self) -> Backup:
        return self.line.backup

    @property
    def is_made(self) -> bool:
        return self.backup.state == BackupState.MADE

    @property
    def seconds(self) -> int:
        """The interval at which the page reloads its parts."""
        return 2 if self.backup.under_way else 60

    @property
    def restore(self) -> str:
        """The command that restores it."""
        return f"{QMC} restore {self.backup.name} --data-dir DIRECTORY"


def backup_page(backup: Backup, *, actor: Actor, error: str = "") -> BackupPage:
    made = backup.state == BackupState.MADE
    return BackupPage(
        BackupLine(backup), backup_job(backup), made and actor.has_perm(DOWNLOAD), made and actor.has_perm(DELETE), error
    )  # fmt: skip


def schedule_words(schedule: BackupSchedule) -> str:
    """The schedule as a sentence."""
    if schedule.every == BackupSchedule.Every.OFF:
        return NEVER
    day = "Every day" if schedule.every == BackupSchedule.Every.DAY else f"Every {DAYS[schedule.weekday]}"
    return (
        f"{day} at {schedule.hour:02}:00 UTC. The newest {schedule.keep} are kept."
        if schedule.keep > 1
        else f"{day} at {schedule.hour:02}:00 UTC. The newest one is kept."
    )


@dataclass(frozen=True)
class BackupsPage:
    """All backups: whether the last verified one is recent, and the schedule."""

    verified_at: datetime | None
    is_old: bool
    schedule: BackupSchedule
    may_make: bool
    may_change_schedule: bool

    @property
    def schedule_words(self) -> str:
        return schedule_words(self.schedule)

    @property
    def folder(self) -> str:
        return str(settings.BACKUP_DIR)


def backups_page(*, actor: Actor, now: datetime) -> BackupsPage:
    last = periodic_work().get(VERIFIED)
    verified_at = last.last_success if last else None
    is_old = verified_at is None or now - verified_at > BACKUP_PATIENCE
    return BackupsPage(verified_at, is_old, schedule_current(), actor.has_perm(ADD), actor.has_perm(CHANGE))
