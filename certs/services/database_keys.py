"""The versions of the database key: the door of their states, and moving every encrypted field from one version to the next."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db import models, transaction
from django.db.models import Count, F, QuerySet
from django.db.models.functions import Substr
from django.utils import timezone

from audit.actors import Actor
from audit.models import Event
from audit.record import record
from certs.errors import IllegalTransition, StaleDatabaseKey, ZoneBroken
from certs.fields import EncryptedField, encrypted_fields
from certs.models import DatabaseKey
from certs.own_store import key_ring
from certs.states import KEY_TRANSITIONS, DatabaseKeyStatus
from pki.errors import SealError
from pki.sealing import KEY_ID_BYTES

BATCH = 100


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


def _sealed_values(model: type[models.Model], column: EncryptedField) -> "QuerySet[models.Model]":
    """Rows whose `column` is set, each with the id of the key that seals it."""
    prefix = Substr(F(column.attname), 1, KEY_ID_BYTES, output_field=models.BinaryField())
    found: QuerySet[models.Model] = model._base_manager.exclude(**{column.attname: None}).annotate(sealed_with=prefix)
    return found


def sealed_counts() -> dict[str, int]:
    """How many values each database key seals, by key id."""
    counts: dict[str, int] = {}
    for model, column in encrypted_fields():
        for row in _sealed_values(model, column).order_by().values("sealed_with").annotate(number=Count("pk")):
            key_id = bytes(row["sealed_with"]).hex()
            counts[key_id] = counts.get(key_id, 0) + row["number"]
    return counts


@dataclass
class Pass:
    """One walk through every encrypted field. `whole` if it reached the end; `unreadable` says which values do not open, and why."""

    whole: bool = False
    moved: int = 0
    unreadable: list[str] = field(default_factory=list)


def reencrypt(*, version: DatabaseKey, until: datetime) -> Pass:
    """Seal with `version` whatever is sealed with another key, until the end or `until`. Raises: ZoneBroken if the key is not at hand here.

    Batches are whole or not at all, and a row changes only while it holds the very ciphertext that was read: a kill, a second worker or a
    writer in between loses nothing, and nothing is sealed twice.
    """
    walked = Pass()
    for model, column in encrypted_fields():
        for rows in _batches(model, column, version):
            _move(rows, column, version, walked)
            if timezone.now() >= until:
                return walked
    walked.whole = True
    return walked


def _batches(model: type[models.Model], column: EncryptedField, version: DatabaseKey) -> Iterator[list[models.Model]]:
    others = (
        _sealed_values(model, column).exclude(sealed_with=bytes.fromhex(version.key_id or "")).only("pk", column.attname).order_by("pk")
    )
    rows = list(others[:BATCH])
    while rows:
        yield rows
        rows = list(others.filter(pk__gt=rows[-1].pk)[:BATCH])


@transaction.atomic
def _move(rows: list[models.Model], column: EncryptedField, version: DatabaseKey, walked: Pass) -> None:
    ring, live = key_ring().keys, {each.key_id: each for each in DatabaseKey.objects.live()}
    for each in live.values():
        if each.key_id not in ring:  # a value that this machine cannot open is no broken value
            raise ZoneBroken(f"{each} does not open with the service pairs of the machine that re-encrypts. Redistribute that machine.")
    key = ring[version.key_id or ""]
    for row in rows:
        secret = getattr(row, column.attname)
        try:
            anew = secret.sealed_anew(key)
        except SealError as exc:
            walked.unreadable.append(f"{column.verbose_name} of {row._meta.verbose_name} {row.pk}: {exc}")
            continue
        unchanged = type(row)._base_manager.filter(pk=row.pk, **{column.attname: secret.sealed})
        walked.moved += unchanged.update(**{column.attname: anew})
