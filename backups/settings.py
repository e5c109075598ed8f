"""The schedule and the places of backups, among the settings of the site."""

from collections.abc import Iterator

from django.conf import settings as installation

from backups.schedule import schedule_current
from backups.services import VIEW
from backups.view_models import NEVER, schedule_words
from web.site_settings import Group, Setting, settings_register


@settings_register(VIEW)
def settings() -> Iterator[Setting]:
    yield Setting(
        "backup-schedule", Group.BACKUPS, "Schedule of backups", "When backups are made automatically, and how many are kept.",
        schedule_words(schedule_current()), NEVER, view="backups:schedule", actions=("backup.schedule_changed",),
    )  # fmt: skip
    yield Setting(
        "backup-dir", Group.BACKUPS, "Folder of backups", "Where the console writes backups on the central node.",
        str(installation.BACKUP_DIR), "backups in the data directory", environment="QMC_BACKUP_DIR",
    )  # fmt: skip
    yield Setting(
        "backup-passphrase-file", Group.BACKUPS, "Passphrase file of scheduled backups", "The file on the central node with the passphrase of scheduled backups.",
        str(installation.BACKUP_PASSPHRASE_FILE), "secrets/backup-passphrase in the data directory", environment="QMC_BACKUP_PASSPHRASE_FILE",
    )  # fmt: skip
