"""Requests with an `Idempotency-Key` are done once. docs/develop/api.md has the states, and what a repeat gets in each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from audit.record import Targets, checked_events
from jobs.leases import lease_expired, written_ahead
from web.errors import AnswerLost, KeyReused, RequestInProgress, SecretShownOnce
from web.models import KeyedRequest
from web.repeats.models import KeyedState

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)  # longer than any request that is not hung: a dial has 10 s
AT_ONCE = 1000
OTHER = "This Idempotency-Key belongs to another request: its method, address or body is different. Use a new key for each request."
UNDER_WAY = "The first request with this Idempotency-Key is still in progress. Send it again in a second."


@dataclass(frozen=True)
class Answer:
    """An answer as it is kept. `content` is JSON, or empty."""

    status: int
    content: str
    headers: dict[str, str]
    has_secret: bool = False


def request_once(*, owner: str, key: str, fingerprint: str, now: datetime) -> KeyedRequest:
    """The row of the first request with this key: claimed for this process if nothing was changed yet. If something was, the first process is gone.

    Raises: KeyReused, RequestInProgress.
    """
    while True:
        row = KeyedRequest.objects.filter(owner=owner, key=key).first()
        if row is None:
            if made := _began(owner, key, fingerprint, now):
                return made
        elif _is_over(row, now):
            KeyedRequest.objects.filter(pk=row.pk).delete()
        elif row.fingerprint != fingerprint:
            raise KeyReused(OTHER)
        elif row.state == KeyedState.ANSWERED:
            return row
        elif not (free := KeyedRequest.objects.filter(lease_expired(now, LEASE), pk=row.pk, claim=row.claim, state=row.state)).exists():
            raise RequestInProgress(UNDER_WAY, headers={"Retry-After": "1"})
        elif row.state == KeyedState.CHANGED:
            return row
        elif free.update(claim=F("claim") + 1, lease_until=now + LEASE):
            return KeyedRequest.objects.get(pk=row.pk)


def _began(owner: str, key: str, fingerprint: str, now: datetime) -> KeyedRequest | None:
    """A new row. None if another process was first."""
    try:
        with transaction.atomic():
            return KeyedRequest.objects.create(owner=owner, key=key, fingerprint=fingerprint, begun_at=now, lease_until=now + LEASE)
    except IntegrityError:
        return None


def _is_over(row: KeyedRequest, now: datetime) -> bool:
    """Whether its day is over. A request that is in progress is never over."""
    return row.begun_at < now - KEPT and (row.state == KeyedState.ANSWERED or row.lease_until is None or row.lease_until < now)


@contextmanager
def changes_noted(row: KeyedRequest) -> Iterator[None]:
    """What changes in this block is noted in the row, in the transaction of the change. A process that lost its claim changes nothing. Raises: RequestInProgress."""
    mine = KeyedRequest.objects.filter(pk=row.pk, claim=row.claim)

    def note(action: str, targets: Targets) -> None:
        target = targets[0][0]
        changed = f"{action} of {target._meta.verbose_name} {str(target)[:200]} ({target.pk})"
        if not mine.update(state=KeyedState.CHANGED, changed=changed[:400]):
            raise RequestInProgress(UNDER_WAY, headers={"Retry-After": "1"})

    try:
        with checked_events(note):
            yield
    except BaseException:
        if not mine.filter(state=KeyedState.BEGUN).delete()[0]:  # nothing was changed, so the key is free again
            mine.update(lease_until=None)
        raise


def answer_keep(row: KeyedRequest, answer: Answer, *, place: str) -> None:
    """Keep the answer for repeats, without its content if that has a secret. `place` is the address of the thing."""
    KeyedRequest.objects.filter(pk=row.pk, claim=row.claim).update(
        state=KeyedState.ANSWERED, status=answer.status, content="" if answer.has_secret else answer.content, headers=answer.headers, place=place,
        had_secret=answer.has_secret, lease_until=None,
    )  # fmt: skip


def request_forget(row: KeyedRequest) -> None:
    """Free the key: the request is done again if it is repeated."""
    KeyedRequest.objects.filter(pk=row.pk, claim=row.claim).delete()


def answer_kept(row: KeyedRequest) -> Answer:
    """The answer to the first request. Raises: AnswerLost, SecretShownOnce."""
    if row.state != KeyedState.ANSWERED:
        raise AnswerLost(
            f"This request was done, and its answer was lost. It did this: {row.changed}. Look at that first.", members=thing_named(row)
        )
    if row.had_secret:
        remedy = f"It is about {row.place}. Look at that first." if row.place else "Make a new secret."
        raise SecretShownOnce(
            f"This request was done. Its answer had a secret, which is answered once and not kept. {remedy}", members=thing_named(row)
        )
    return Answer(row.status or 200, row.content, row.headers)


def thing_named(row: KeyedRequest) -> dict[str, str]:
    """What the first request was about: the address of the thing, and what was done in words."""
    return {"object": row.place, "changed": row.changed}


def requests_forget(*, now: datetime) -> int:
    """Delete what is older than a day. Returns how many. Other writers wait for `AT_ONCE` rows at most."""
    old = KeyedRequest.objects.filter(Q(begun_at__lt=now - KEPT) | written_ahead("begun_at", now + KEPT)).order_by("begun_at")
    deleted = 0
    while pks := [*old.values_list("pk", flat=True)[:AT_ONCE]]:
        deleted += KeyedRequest.objects.filter(pk__in=pks).delete()[0]
    return deleted
