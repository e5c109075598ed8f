"""Do one action to many rows, a batch at a time. Runs in a worker."""

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.actors import SYSTEM, Actor
from audit.record import record
from bulk.actions import Action, Done, action_of_work
from bulk.errors import StaleBulk
from bulk.models import BulkItem, BulkWork
from bulk.services import SECRETS_AFTERWARDS, TASK
from bulk.states import ItemState, WorkState
from bulk.transition import item_transition, rest_end, work_transition
from jobs.models import Job
from jobs.registry import handles
from jobs.services import job_again, job_finish
from people.tokens.actors import actor_now
from web.database_problem import is_unavailable
from web.problems import refusal_of

log = logging.getLogger(__name__)
AT_ONCE, BATCH, BATCH_S = 20, 500, 8  # the last row may wait 6 s for a network, and the lease of a job is 30 s
CANCELLED = "It was cancelled before this row."
UNEXPECTED = "An unexpected error occurred. The log of the worker has the details. Begin the action again for this row."


@handles(TASK)
def bulk_advance(*, job: Job) -> None:
    """Do the action to the next rows. The permission of the person is checked again first. Raises: NameUnknown."""
    work = BulkWork.objects.get(pk=job.subject)
    if work.is_under_way:
        action = action_of_work(work.action)
        actor = actor_now(account=work.account_id, token=work.token_id)
        if lost := _lost(actor, action, work):
            rest_end(work=work, to=ItemState.REFUSED, text=lost, now=timezone.now())
        elif actor is not None:
            _batch(work, action, actor)
        if work.items.waiting().exists() and not _is_cancelled(work):
            counts = work.counts()
            ended = work.total - counts[ItemState.WAITING]
            job_again(job=job, at=timezone.now(), progress="going through the rows", done=ended, total=work.total)
            return
        _finish(work, timezone.now())
    job_finish(job=job, outcome=Job.Outcome.CANCELLED if work.state == WorkState.CANCELLED else Job.Outcome.DONE, now=timezone.now())


def _lost(actor: Actor | None, action: Action, work: BulkWork) -> str:
    if actor is None:
        return f"{work.actor} can no longer sign in, or the token was revoked or has expired. Another person can begin the action again."
    if not actor.has_perm(action.permission):
        return f"{work.actor} no longer has the permission for this. Another person can begin the action again."
    return ""


def _is_cancelled(work: BulkWork) -> bool:
    return BulkWork.objects.filter(pk=work.pk, state=WorkState.CANCELLING).exists()


def _batch(work: BulkWork, action: Action, actor: Actor) -> None:
    until = time.monotonic() + BATCH_S
    waiting = list(work.items.waiting().order_by("number")[:BATCH])
    for start in range(0, len(waiting), AT_ONCE):
        if time.monotonic() > until:
            return
        items = waiting[start : start + AT_ONCE]
        found = action.ahead(items) if action.ahead else {}
        for item in items:
            if time.monotonic() > until or _is_cancelled(work):
                return
            item.ahead = found.get(item.pk)
            item_run(item=item, action=action, parameters=work.parameters, actor=actor, now=timezone.now())


def item_run(*, item: BulkItem, action: Action, parameters: Mapping[str, Any], actor: Actor, now: datetime) -> None:
    """Do the action to one row, and record the result. Each row has a transaction of its own, so an error of one changes no other."""
    try:
        if action.atomic:
            with transaction.atomic():
                _end(item, action.run(item, parameters, actor, now), now)
        else:
            _end(item, action.run(item, parameters, actor, now), now)
    except StaleBulk:
        return  # another worker ended this item
    except Exception as exc:
        if is_unavailable(exc):
            raise
        text = refusal_of(exc)
        if text is None:
            log.exception("item %s of bulk work %s failed", item.pk, item.work_id)
        item_transition(item=item, to=ItemState.FAILED if text is None else ItemState.REFUSED, text=text or UNEXPECTED, now=now)


def _end(item: BulkItem, done: Done, now: datetime) -> None:
    item_transition(item=item, to=ItemState.DONE, text=done.text, subject=done.subject, secret=done.secret, now=now)


@transaction.atomic
def _finish(work: BulkWork, now: datetime) -> None:
    work.refresh_from_db()
    cancelled = work.state == WorkState.CANCELLING
    if cancelled:
        rest_end(work=work, to=ItemState.CANCELLED, text=CANCELLED, now=now)
    until = min(work.secrets_until, now + SECRETS_AFTERWARDS) if work.secrets_until else None
    work_transition(work=work, to=WorkState.CANCELLED if cancelled else WorkState.FINISHED, finished_at=now, secrets_until=until)
    record(actor=SYSTEM, action="bulk.finished", target=work, detail=dict(work.counts()), now=now)
