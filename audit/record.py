"""Write events, one writer at a time, and verify the chain."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import models, transaction

from audit.actors import Actor
from audit.models import Event, Head


class ChainBroken(Exception):
    """The log was changed after it was written."""


def _digest(event: Event) -> str:
    content = {
        "sequence": event.sequence,
        "id": str(event.pk),
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "action": event.action,
        "target": [event.target_type, str(event.target_id), event.target_label],
        "detail": event.detail,
        "previous": event.previous,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def record(*, actor: Actor, action: str, target: models.Model, detail: dict[str, Any], now: datetime) -> Event:
    """Append one event about `target`. `detail` has JSON values and never a secret."""
    (event,) = record_each(actor=actor, action=action, details=[(target, detail)], now=now)
    return event


@transaction.atomic(savepoint=False)
def record_each(*, actor: Actor, action: str, details: Iterable[tuple[models.Model, dict[str, Any]]], now: datetime) -> list[Event]:
    """Append one event about each target, in this order.

    The head row is locked until the caller's transaction ends, so that the order of the chain is the order of commits, whichever
    process writes (SQLite: the transaction itself is IMMEDIATE).
    """
    head, _ = Head.objects.select_for_update().get_or_create(pk=1)
    events = []
    for target, detail in details:
        event = Event(
            sequence=head.sequence + 1,
            at=now,
            actor=actor.label[:200],
            action=action,
            target_type=target._meta.label_lower,
            target_id=target.pk,
            target_label=str(target)[:200],
            detail=detail,
            previous=head.digest,
        )
        head.digest = event.digest = _digest(event)
        head.sequence = event.sequence
        events.append(event)
    Event.objects.bulk_create(events)
    Head.objects.filter(pk=1).update(sequence=head.sequence, digest=head.digest)
    return events


def verify() -> int:
    """Verify the whole chain and return its length. Raises: ChainBroken, naming the first event that does not fit."""
    previous, length = "", 0
    for event in Event.objects.order_by("sequence").iterator():
        length += 1
        if event.sequence != length or event.previous != previous or event.digest != _digest(event):
            raise ChainBroken(
                f"the audit log was changed at event {event.sequence}: find out who wrote to the database, and restore the site from a backup"
            )
        previous = event.digest
    head = Head.objects.filter(pk=1).first()
    if head is not None and (head.sequence, head.digest) != (length, previous):
        raise ChainBroken(f"the audit log ends at event {length}, but {head.sequence} were written")
    return length
