"""Wording of the events of backups."""

from audit.event_lines import wording_register
from audit.models import Event
from pki.core.clocks import parsed, stamp


@wording_register("backup.made")
def made(event: Event) -> tuple[str, str]:
    return f"Backup made: {event.detail['file']}", "green"


@wording_register("backup.verified")
def verified(event: Event) -> tuple[str, str]:
    return f"Backup verified by a trial restore: {event.detail['file']}", "green"


@wording_register("backup.restored")
def restored(event: Event) -> tuple[str, str]:
    return f"Site restored from a backup of {stamp(parsed(event.detail['made_at']))}", "orange"
