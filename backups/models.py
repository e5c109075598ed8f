"""Backups that were asked for, and their schedule. The file itself is in a folder of the central node."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path

from django.db import models
from django.db.models import Q

from backups.states import BackupState
from sealing.fields import EncryptedField, Readers

PASSPHRASE_KEPT = timedelta(hours=1)


class BackupQuerySet(models.QuerySet["Backup"]):
    def present(self) -> "BackupQuerySet":
        """Backups in progress, and those whose file exists."""
        return self.filter(Q(under_way=True) | Q(state=BackupState.MADE))

    def too_late(self, now: datetime) -> "BackupQuerySet":
        """Backups in progress that were asked for more than an hour ago, or at a time that a clock wrote that was ahead."""
        return self.filter(Q(created_at__lt=now - PASSPHRASE_KEPT) | Q(created_at__gt=now + PASSPHRASE_KEPT), under_way=True)


class Backup(models.Model):
    """A backup. Only one can be `under_way`, which is never False. The passphrase of a scheduled one is in a file on the central node, never here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    actor = models.CharField(max_length=200)
    scheduled = models.BooleanField(default=False)
    request = models.UUIDField(null=True, blank=True, unique=True)
    created_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=BackupState.choices, default=BackupState.WAITING)
    state_since = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)
    under_way = models.BooleanField(null=True, blank=True, default=True, unique=True)
    sealed_passphrase = EncryptedField(null=True, blank=True, sealed_for=Readers.CENTER)
    name = models.CharField(max_length=200)
    folder = models.CharField(max_length=500, blank=True)
    host = models.CharField(max_length=200, blank=True)
    size = models.BigIntegerField(null=True, blank=True)
    made_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    contains = models.CharField(max_length=500, blank=True)
    nodes = models.PositiveIntegerField(null=True, blank=True)
    certificates = models.PositiveIntegerField(null=True, blank=True)
    version = models.CharField(max_length=40, blank=True)
    zone = models.CharField(max_length=100, blank=True)

    objects = BackupQuerySet.as_manager()

    class Meta:
        permissions = [("download_backup", "Can download a backup")]
        indexes = [
            models.Index(fields=["created_at", "id"], name="backups_by_age"),
            models.Index(fields=["state", "created_at"], name="backups_by_state"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        """The place of the file, on the machine `host`."""
        return Path(self.folder) / self.name


class BackupSchedule(models.Model):
    """When backups are made automatically, and how many are kept. There is one row; `every` is empty while it is off."""

    class Every(models.TextChoices):
        OFF = ""
        DAY = "day"
        WEEK = "week"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    every = models.CharField(max_length=4, choices=Every.choices, blank=True)
    weekday = models.PositiveSmallIntegerField(default=6)
    hour = models.PositiveSmallIntegerField(default=2)
    keep = models.PositiveSmallIntegerField(default=7)
    next_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return "schedule of backups"
