"""Wording of the events of backups."""

from audit.event_lines import wording_register, words_register
from audit.models import Event
from audit.object_pages import object_page_register
from backups.models import Backup, BackupSchedule
from pki.core.clocks import parsed, stamp

object_page_register(Backup.objects.all(), "backups:backup")
object_page_register(BackupSchedule.objects.all(), "backups:schedule", is_shared=True)
words_register({"backup.downloaded": ("Backup downloaded", "orange"), "backup.schedule_changed": ("Schedule of backups changed", "blue")})
COLORS = {"failed": "red", "cancelled": "orange", "removed": "orange", "made": "green"}
WORDS = {"writing": "being written", "verifying": "written, being verified", "made": "made and verified", "cancelled": "canceled"}


@wording_register("backup.asked")
def asked(event: Event) -> tuple[str, str]:
    return "Scheduled backup begun" if event.detail["scheduled"] else "Backup asked for", "blue"


@wording_register("backup.transition")
def changed(event: Event) -> tuple[str, str]:
    to = event.detail["to"]
    return f"Backup {WORDS.get(to, to)}", COLORS.get(to, "blue")


@wording_register("backup.made")
def made(event: Event) -> tuple[str, str]:
    return f"Backup made: {event.detail['file']}", "green"


@wording_register("backup.verified")
def verified(event: Event) -> tuple[str, str]:
    return f"Backup verified by a trial restore: {event.detail['file']}", "green"


@wording_register("backup.restored")
def restored(event: Event) -> tuple[str, str]:
    return f"Site restored from a backup of {stamp(parsed(event.detail['made_at']))}", "orange"
