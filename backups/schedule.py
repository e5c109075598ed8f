"""Backups by a schedule: when the next one is due, and how many are kept."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from audit.actors import SYSTEM, Actor
from audit.record import record
from backups.errors import BackupRefused
from backups.models import Backup, BackupSchedule
from backups.services import backup_record, backup_remove
from backups.states import BackupState
from certs.zone.services import zone_locked
from web.errors import InputInvalid

CHANGE = "backups.change_backupschedule"
MOST_KEPT = 365
OLD, DAY = timedelta(days=90), timedelta(days=1)
ENDED = (BackupState.FAILED, BackupState.CANCELLED, BackupState.REMOVED)


def schedule_current() -> BackupSchedule:
    """The schedule of backups. Before its first change, it is a schedule that makes none."""
    return BackupSchedule.objects.first() or BackupSchedule()


def following(schedule: BackupSchedule, now: datetime) -> datetime | None:
    """When the next backup is due after `now`; None while the schedule is off."""
    if schedule.every == BackupSchedule.Every.OFF:
        return None
    at = now.replace(hour=schedule.hour, minute=0, second=0, microsecond=0)
    if schedule.every == BackupSchedule.Every.WEEK:
        at += timedelta(days=(schedule.weekday - at.weekday()) % 7)
    step = DAY * (7 if schedule.every == BackupSchedule.Every.WEEK else 1)
    return at if at > now else at + step


def schedule_change(*, actor: Actor, every: str, weekday: int, hour: int, keep: int, now: datetime) -> BackupSchedule:
    """Raises: PermissionRefused, InputInvalid, ZoneMissing."""
    actor.require(CHANGE)
    errors: dict[str, list[str]] = {}
    for name, value, least, most in (("weekday", weekday, 0, 6), ("hour", hour, 0, 23), ("keep", keep, 1, MOST_KEPT)):
        if not least <= value <= most:
            errors[name] = [f"Give a number from {least} to {most}."]
    if every not in BackupSchedule.Every.values:
        errors["every"] = ["Choose day or week, or nothing to switch the schedule off."]
    if errors:
        raise InputInvalid(errors)
    with transaction.atomic():
        zone_locked()  # before its first change, the schedule has no row to lock
        schedule = BackupSchedule.objects.first() or BackupSchedule()
        given: dict[str, Any] = {"every": every, "weekday": weekday, "hour": hour, "keep": keep}
        changed = {name: value for name, value in given.items() if value != getattr(schedule, name)}
        if changed:
            for name, value in changed.items():
                setattr(schedule, name, value)
            schedule.next_at, schedule.changed_at = following(schedule, now), now
            schedule.save()
            record(actor=actor, action="backup.schedule_changed", target=schedule, detail=given, now=now)
    return schedule


def schedule_run(*, now: datetime) -> Backup | None:
    """Begin the backup that is due. None if none is due, or if another backup is being made: then it stays due, and begins after that one."""
    schedule = BackupSchedule.objects.exclude(next_at=None).first()
    if schedule is None or schedule.next_at is None:
        return None
    following_at = following(schedule, now)
    if schedule.next_at > now:
        if following_at and schedule.next_at > following_at:  # a clock that was ahead wrote it
            BackupSchedule.objects.filter(pk=schedule.pk, next_at=schedule.next_at).update(next_at=following_at)
        return None
    try:
        with transaction.atomic():
            if not BackupSchedule.objects.filter(pk=schedule.pk, next_at=schedule.next_at).update(next_at=following_at):
                return None  # another worker has begun it
            return backup_record(actor=SYSTEM, now=now, scheduled=True)
    except BackupRefused:
        return None


def backups_retain(*, now: datetime) -> int:
    """Remove the scheduled backups that are older than the newest ones that are kept. Returns how many."""
    made = Backup.objects.filter(state=BackupState.MADE, scheduled=True).order_by("-created_at")
    old = list(made[schedule_current().keep :])
    for backup in old:
        backup_remove(actor=SYSTEM, backup=backup, now=now)
    return len(old)


def backups_forget(*, now: datetime) -> int:
    """Delete the rows of backups that ended without a file more than 90 days ago. Returns how many."""
    return Backup.objects.filter(state__in=ENDED, state_since__lt=now - OLD).delete()[0]


def last_failed() -> Backup | None:
    """The last scheduled backup, if it failed and the schedule is on."""
    if not BackupSchedule.objects.exclude(next_at=None).exists():
        return None
    last = Backup.objects.filter(scheduled=True, state__in=[BackupState.MADE, BackupState.FAILED]).order_by("-created_at").first()
    return last if last and last.state == BackupState.FAILED else None
