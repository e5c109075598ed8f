"""Write events, one writer at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db import models, transaction

from audit.actors import Actor
from audit.chain import last_place
from audit.models import Event, Head, Outcome
from audit.request import address, credential, request_id
from pki.evidence.events import digest_of

Targets = Sequence[tuple[models.Model, dict[str, Any]]]
Check = Callable[[str, Targets], None]
_checks: ContextVar[tuple[Check, ...]] = ContextVar("checks", default=())


@contextmanager
def checked_events(check: Check) -> Iterator[None]:
    """In this block, `check` is called with the action and the targets of all events before they are written.

    That is inside the transaction of the change, while the end of the log is locked: no other change is recorded at the same time. What `check` writes is
    committed with the change, and what it raises undoes the change.
    """
    before = _checks.set((*_checks.get(), check))
    try:
        yield
    finally:
        _checks.reset(before)


def record(
    *, actor: Actor, action: str, target: models.Model, detail: dict[str, Any], now: datetime, outcome: Outcome = Outcome.DONE
) -> Event:
    """Append one event about `target`. `detail` has JSON values and never a secret."""
    (event,) = record_each(actor=actor, action=action, details=[(target, detail)], now=now, outcome=outcome)
    return event


@transaction.atomic(savepoint=False)
def record_each(
    *,
    actor: Actor,
    action: str,
    details: Iterable[tuple[models.Model, dict[str, Any]]],
    now: datetime,
    outcome: Outcome = Outcome.DONE,
) -> list[Event]:
    """Append one event about each target, in this order.

    The head row is locked until the caller's transaction ends, so that the order of the chain is the order of commits, whichever
    process writes (SQLite: the transaction itself is IMMEDIATE).
    """
    details = [*details]
    head, made = Head.objects.select_for_update().get_or_create(pk=1)
    if made:  # the first event, or the row was deleted
        last = last_place()
        head.sequence, head.digest = last.sequence, last.digest
    if outcome == Outcome.DONE:
        for check in _checks.get():
            check(action, details)
    events = []
    for target, detail in details:
        event = Event(
            sequence=head.sequence + 1,
            at=now,
            actor=actor.label[:200],
            action=action,
            outcome=outcome,
            target_type=target._meta.label_lower,
            target_id=target.pk,
            target_label=str(target)[:200],
            detail=detail,
            request_id=request_id.get(),
            address=address.get(),
            credential=credential.get(),
            previous=head.digest,
        )
        head.digest = event.digest = digest_of(event)
        head.sequence = event.sequence
        events.append(event)
    Event.objects.bulk_create(events)
    Head.objects.filter(pk=1).update(sequence=head.sequence, digest=head.digest)
    return events
