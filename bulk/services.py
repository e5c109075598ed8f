"""Preview, begin and cancel one action on many rows, and give its secrets once. A worker does the action: bulk.worker."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import IntegrityError, transaction

from audit.actors import Actor
from audit.record import record
from bulk.actions import GONE, Action, Row, action_shown
from bulk.errors import ActionUnknown, RequestReused, SecretsGone
from bulk.models import BulkItem, BulkWork
from bulk.states import ItemState, WorkState
from bulk.transition import work_transition
from jobs.services import job_create, job_nudge
from web.errors import InputInvalid

TASK = "bulk"
MOST, AT_ONCE = 10_000, 2_000
SECRETS_AT_MOST, SECRETS_AFTERWARDS = timedelta(hours=24), timedelta(hours=1)
KEPT = timedelta(days=90)
NONE_CHOSEN = "Choose at least one row."
TOO_MANY = f"These are more than {MOST:,} rows. Filter the list, and do the action to fewer rows."


@dataclass(frozen=True)
class NewItem:
    """A row of work to begin. `number` is the number of its line in a file; without it, its place. With `refused`, it is not tried."""

    label: str
    subject: uuid.UUID | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    refused: str = ""


@dataclass(frozen=True)
class Preview:
    """What an action would do: each chosen row, in the order of names."""

    action: Action
    rows: list[Row]

    @cached_property
    def possible(self) -> list[Row]:
        return [row for row in self.rows if not row.refused]

    @cached_property
    def refused(self) -> dict[str, list[Row]]:
        """The rows to which the action cannot be done, by the reason."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.refused:
                found.setdefault(row.refused, []).append(row)
        return found

    def items(self) -> list[NewItem]:
        return [NewItem(row.label, row.subject, refused=row.refused) for row in self.rows]


def bulk_preview(*, actor: Actor, action: Action, subjects: Sequence[uuid.UUID], now: datetime) -> Preview:
    """What `action` would do to these rows; nothing is changed. Rows that are gone are refused. Raises: PermissionRefused, InputInvalid."""
    actor.require(action.permission)
    if not subjects:
        raise InputInvalid({"ids": [NONE_CHOSEN]})
    if len(subjects) > MOST:
        raise InputInvalid({"ids": [TOO_MANY]})
    assert action.rows is not None
    chosen = list(dict.fromkeys(subjects))
    found = [row for start in range(0, len(chosen), AT_ONCE) for row in action.rows(chosen[start : start + AT_ONCE], now)]
    known = {row.subject for row in found}
    gone = [Row(subject, str(subject), GONE) for subject in chosen if subject not in known]
    return Preview(action, [*sorted(found, key=lambda row: (row.label.lower(), row.label)), *gone])


def bulk_begin(
    *, actor: Actor, action: Action, items: Sequence[NewItem], parameters: Mapping[str, Any], request: uuid.UUID, now: datetime
) -> BulkWork:
    """Record the work with all its items. A worker does it. A repeated `request` finds the work that the first one began.

    Raises: PermissionRefused, InputInvalid, RequestReused.
    """
    actor.require(action.permission)
    if begun := BulkWork.objects.filter(request=request).first():
        if begun.action != action.name:
            raise RequestReused("This request has already begun another action. Send this action with an ID of its own.")
        return begun
    possible = sum(not item.refused for item in items)
    if not possible:
        raise InputInvalid({"ids": ["The action is possible for none of these rows." if items else NONE_CHOSEN]})
    if len(items) > MOST:
        raise InputInvalid({"ids": [TOO_MANY]})
    account: Any = actor.user
    work = BulkWork(
        action=action.name, title=action.title(possible), parameters=dict(parameters), account_id=account.pk if account else None, token_id=actor.token,
        actor=actor.label[:200], request=request, total=len(items), created_at=now,
        secrets_until=now + SECRETS_AT_MOST if action.secret else None,
    )  # fmt: skip
    try:
        with transaction.atomic():
            work.save(force_insert=True)
            BulkItem.objects.bulk_create([_item(work, item, number, now) for number, item in enumerate(items, 1)], batch_size=AT_ONCE)
            detail = {"action": action.name, "total": len(items), "refused": len(items) - possible}
            record(actor=actor, action="bulk.begun", target=work, detail=detail, now=now)
            job_create(task=TASK, subject=work.pk, title=work.title, actor=work.actor, now=now)
    except IntegrityError:
        return BulkWork.objects.get(request=request)  # the same request, at the same time
    return work


def _item(work: BulkWork, item: NewItem, number: int, now: datetime) -> BulkItem:
    made = BulkItem(work=work, number=item.number or number, subject=item.subject, label=item.label[:200], payload=dict(item.payload))
    if item.refused:
        made.state, made.text, made.ended_at = ItemState.REFUSED, item.refused[:1000], now
    return made


def _action(work: BulkWork) -> Action:
    action = action_shown(work.action)
    if action is None:
        raise ActionUnknown("A newer version of the console began this. Use that version.")
    return action


def bulk_cancel(*, actor: Actor, work: BulkWork, now: datetime) -> None:
    """Do the action to no further row. What was done stays. Raises: PermissionRefused, ActionUnknown, IllegalBulkTransition, StaleBulk."""
    actor.require(_action(work).permission)
    with transaction.atomic():
        work_transition(work=work, to=WorkState.CANCELLING)
        record(actor=actor, action="bulk.cancelled", target=work, detail={}, now=now)
        job_nudge(task=TASK, subject=work.pk, now=now)


def may_cancel(actor: Actor, work: BulkWork) -> bool:
    """Whether the work runs, and `actor` has the permission of its action."""
    action = action_shown(work.action)
    return work.state == WorkState.RUNNING and action is not None and actor.has_perm(action.permission)


def has_secrets(work: BulkWork) -> bool:
    """Whether secrets of its items are kept."""
    return work.secrets_until is not None and work.items.filter(sealed_secret__isnull=False).exists()


def may_take_secrets(actor: Actor, work: BulkWork) -> bool:
    """Only the person who began the work gets its secrets."""
    account: Any = actor.user
    return account is not None and account.pk == work.account_id and actor.has_perm(_action(work).permission)


@transaction.atomic
def secrets_take(*, actor: Actor, work: BulkWork, now: datetime) -> list[tuple[BulkItem, str]]:
    """The secrets of all rows, once: they are deleted with this answer. Raises: PermissionRefused, ActionUnknown, SecretsGone, SealError."""
    action = _action(work)
    actor.require(action.permission)
    if not may_take_secrets(actor, work):
        raise SecretsGone(f"Only {work.actor}, who began this, gets the {action.secret}s. Begin the action again for new ones.")
    held = list(work.items.select_for_update().filter(sealed_secret__isnull=False))
    if not held:
        raise SecretsGone(f"The {action.secret}s were shown already, or deleted. Begin the action again for new ones.")
    secrets = [(item, item.sealed_secret.text()) for item in held]
    work.items.filter(pk__in=[item.pk for item in held]).update(sealed_secret=None)
    record(actor=actor, action="bulk.secrets_shown", target=work, detail={"count": len(held)}, now=now)
    return secrets


def secrets_wipe(*, now: datetime) -> int:
    """Delete the secrets of work that finished an hour ago, or that began a day ago. Returns of how many works."""
    due = list(BulkWork.objects.filter(secrets_until__lt=now).values_list("pk", flat=True)[:100])
    for pk in due:
        with transaction.atomic():
            BulkItem.objects.filter(work=pk, sealed_secret__isnull=False).update(sealed_secret=None)
            BulkWork.objects.filter(pk=pk, finished_at=None).update(secrets_until=now + SECRETS_AT_MOST)  # it makes further ones
            BulkWork.objects.filter(pk=pk, finished_at__isnull=False).update(secrets_until=None)
    return len(due)


def works_delete_old(*, now: datetime) -> int:
    """Delete work that finished more than 90 days ago. Returns how many. Other writers wait for one work at most."""
    old = list(BulkWork.objects.filter(finished_at__lt=now - KEPT).order_by("finished_at")[:100])
    for work in old:
        work.delete()
    return len(old)
