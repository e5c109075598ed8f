"""The only function that changes the state of a backup."""

from datetime import datetime
from typing import Any

from django.db import transaction

from audit.actors import Actor
from audit.models import Event
from audit.record import record
from backups.errors import BackupRefused, StaleBackup
from backups.models import Backup
from backups.states import TRANSITIONS, UNDER_WAY, BackupState


@transaction.atomic
def backup_transition(*, backup: Backup, to: BackupState, actor: Actor, now: datetime, reason: str = "", **changes: Any) -> Event:
    """Move `backup` to `to`. Its passphrase is deleted when it is not in progress any more. Raises: BackupRefused, StaleBackup."""
    old = BackupState(backup.state)
    if to not in TRANSITIONS[old]:
        raise BackupRefused(f"This backup is {old.label.lower()}, so it cannot change to {to.label.lower()}. Reload the page.")
    if to not in UNDER_WAY:
        changes |= {"under_way": None, "sealed_passphrase": None}
    changes |= {"state": to, "state_since": now, "reason": reason[:500]}
    if not Backup.objects.filter(pk=backup.pk, state=old).update(**changes):
        raise StaleBackup(f"{backup} has just changed. Reload the page.")
    backup.refresh_from_db()
    return record(actor=actor, action="backup.transition", target=backup, detail={"from": old, "to": to, "reason": reason}, now=now)
