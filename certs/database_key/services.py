"""The versions of the database key: change their states, and re-encrypt values that nodes read with the next version."""

from datetime import datetime

from django.db import transaction

from attention.once import once
from audit.actors import Actor
from audit.models import Event
from audit.record import record
from certs.errors import IllegalTransition, StaleDatabaseKey
from certs.models import DatabaseKey
from certs.states import KEY_TRANSITIONS, DatabaseKeyStatus
from pki.core.sealing import SealingKey
from sealing.errors import ZoneBroken
from sealing.fields import Readers
from sealing.local_keys import key_ring
from sealing.walk import Pass, walk


@once
def database_keys() -> list[DatabaseKey]:
    """All versions, the newest first."""
    return list(DatabaseKey.objects.all())


@transaction.atomic
def database_key_transition(*, version: DatabaseKey, to: DatabaseKeyStatus, reason: str, actor: Actor, now: datetime) -> Event:
    """Move `version` to `to`. Raises: IllegalTransition, StaleDatabaseKey (another worker was first)."""
    old = DatabaseKeyStatus(version.status)
    if to not in KEY_TRANSITIONS[old]:
        raise IllegalTransition(f"{version}: {old} → {to} is not possible")
    if not DatabaseKey.objects.filter(pk=version.pk, status=old, key_id=version.key_id).update(status=to, status_since=now):
        raise StaleDatabaseKey(f"{version} has just changed")
    version.refresh_from_db()
    detail = {"from": old, "to": to, "reason": reason, "version": version.version, "key_id": version.key_id}
    return record(actor=actor, action="database_key.transition", target=version, detail=detail, now=now)


def reencrypt(*, version: DatabaseKey, until: datetime) -> Pass:
    """Re-encrypt with `version` all values that nodes read, until the end or `until`. Raises: ZoneBroken if a key is not available here."""

    def key() -> SealingKey:
        at_hand = key_ring().keys
        for database_key in DatabaseKey.objects.live():
            if database_key.key_id not in at_hand:  # a value that only this machine cannot open is not damaged
                raise ZoneBroken(
                    f"{database_key} does not open with the service certificates of the machine that re-encrypts. Redistribute that machine."
                )
        return at_hand[version.key_id or ""]

    return walk(readers=Readers.NODES, key=key, until=until)
