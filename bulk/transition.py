"""The only functions that change the states of bulk work and its items."""

import uuid
from datetime import datetime
from typing import Any

from bulk.errors import IllegalBulkTransition, StaleBulk
from bulk.models import BulkItem, BulkWork
from bulk.states import ITEM_TRANSITIONS, WORK_TRANSITIONS, ItemState, WorkState


def work_transition(*, work: BulkWork, to: WorkState, **changes: Any) -> None:
    """Move `work` to `to`. Raises: IllegalBulkTransition, StaleBulk (another process was first)."""
    old = WorkState(work.state)
    if to not in WORK_TRANSITIONS[old]:
        raise IllegalBulkTransition(f"“{work}” is {old.label}, so it cannot be {to.label} now.")
    if not BulkWork.objects.filter(pk=work.pk, state=old).update(state=to, **changes):
        raise StaleBulk(f"“{work}” has just changed. Load the page again.")
    work.refresh_from_db()


def item_transition(*, item: BulkItem, to: ItemState, text: str, now: datetime, subject: uuid.UUID | None = None, secret: str = "") -> None:
    """End `item` with its result. Raises: IllegalBulkTransition, StaleBulk (another worker was first)."""
    old = ItemState(item.state)
    if to not in ITEM_TRANSITIONS[old]:
        raise IllegalBulkTransition(f"{item} is {old.label}, so it cannot be {to.label} now.")
    changes: dict[str, Any] = {"state": to, "text": text[:1000], "ended_at": now, "subject": subject or item.subject}
    if secret:
        item.sealed_secret = secret
        changes["sealed_secret"] = item.sealed_secret.sealed
    if not BulkItem.objects.filter(pk=item.pk, state=old).update(**changes):
        raise StaleBulk(f"Another worker has just ended {item}.")
    item.refresh_from_db()


def rest_end(*, work: BulkWork, to: ItemState, text: str, now: datetime) -> int:
    """End all items that wait, in one step. Returns how many."""
    if to not in ITEM_TRANSITIONS[ItemState.WAITING]:
        raise IllegalBulkTransition(f"Items that wait cannot be {to.label}.")
    return work.items.waiting().update(state=to, text=text[:1000], ended_at=now)
