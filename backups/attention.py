"""What backups need from a person."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from attention.needs import Need, Severity, needs_register
from backups.backup import BACKUP_PATIENCE, VERIFIED
from jobs.models import PeriodicWork
from nodes.models import Node
from web.templatetags.console import spoken


@needs_register
def needs(now: datetime) -> Iterator[Need]:
    """The last backup failed its trial, is old, or was never made."""
    last = PeriodicWork.objects.filter(name=VERIFIED).first()
    made_at, why = (last.last_success, last.last_error.partition(": ")[2]) if last else (None, "")
    if why:
        code, title = "backup-failed", "The last backup did not pass its trial"
    elif made_at and now - made_at > BACKUP_PATIENCE:
        code, title = "backup-old", f"The last verified backup is {spoken((now - made_at).total_seconds())} old"
    elif made_at is None and Node.objects.present().filter(is_central=False).exists():
        code, title = "backup-missing", "There is no verified backup"
    else:
        return
    remedy = "On the central node run manage.py backup FILE --verify, and keep FILE on another machine."
    text = why or "After a loss of this machine, what has changed since could not be restored."
    yield Need(code, Severity.WARNING, "backup", title, text, remedy, reverse("overview"), "Check again", made_at)
