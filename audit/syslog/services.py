"""Send the audit log to syslog receivers: each event and each checkpoint, in order, and none is left out.

A batch has a connection of its own, and the cursor moves when the receiver has taken the whole batch (`outbound.streams`). If the worker or the
receiver ends before that, the batch is sent again: each event has its sequence number.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.actors import SYSTEM
from audit.exports.ranges import fitting
from audit.models import Checkpoint, Event
from audit.reading import events_shown
from audit.retention.services import readers_register
from audit.syslog.messages import checkpoint_message, event_message, framed
from audit.syslog.models import SyslogReceiver
from jobs.models import Job
from jobs.pauses import pause_after, pause_left
from jobs.registry import Retry, handles
from jobs.services import job_again, job_create, job_finish
from outbound.errors import OutboundFailed
from outbound.streams import deliver
from pki.evidence.events import Place

TASK = "audit.syslog"
MOST, FEWEST = 1000, 10  # events of a batch. It is halved after each failure, for a receiver that is slow
LARGEST = 1024 * 1024  # bytes, after which a batch ends
BEGINS_WITHIN_S = 2.0  # a batch takes at most 12 s and twice 5 s to connect, so that a step is shorter than its lease of 30 s
LOOK_AGAIN = timedelta(minutes=1)  # a person can end a pause


@dataclass(frozen=True)
class Batch:
    """What is sent on one connection, and the cursor after it."""

    content: bytes
    place: Place
    checkpoint: int


@readers_register
def still_undelivered(last: int) -> str:
    """Why the events up to `last` cannot be removed yet: a receiver, on or off, has not taken them. "" if all have."""
    if behind := SyslogReceiver.objects.filter(sequence__lt=last).order_by("sequence").first():
        return (
            f"The syslog receiver {behind} has taken the events up to {behind.sequence} only. Wait until it has taken {last}. If it is no longer "
            "used, delete it."
        )
    return ""


def deliveries_start(*, now: datetime) -> None:
    """Create a job for each receiver that has not taken everything."""
    for receiver in SyslogReceiver.objects.filter(enabled=True):
        if batch_after(receiver, most=1) and not Job.objects.unfinished().filter(task=TASK, subject=receiver.pk).exists():
            job_create(task=TASK, subject=receiver.pk, title=f"Audit log for {receiver}"[:200], actor=SYSTEM.label, now=now)


def batch_after(receiver: SyslogReceiver, *, most: int) -> Batch | None:
    """At most `most` events that the receiver has not taken, and as many checkpoints of events that it then has. None if there is nothing to send."""
    parts: list[bytes] = []
    size, place, number = 0, _place(receiver), receiver.checkpoint
    for event in events_shown(Event.objects.filter(sequence__gt=place.sequence).order_by("sequence")[:most]):
        parts.append(framed(event_message(event)))
        size, place = size + len(parts[-1]), Place(event.sequence, event.digest)
        if size >= LARGEST:
            break
    for checkpoint in Checkpoint.objects.signed().filter(number__gt=receiver.checkpoint, sequence__lte=place.sequence)[:most]:
        parts.append(framed(checkpoint_message(checkpoint.at, checkpoint.line)))
        number = checkpoint.number
    return Batch(b"".join(parts), place, number) if parts else None


def _place(receiver: SyslogReceiver) -> Place:
    """The last event that the receiver has taken.

    If the log does not have it any more, the log was cut, computed anew, or replaced by an older one. Then it is the last event before it that still
    fits its checkpoint, so the receiver gets all that is different now.
    """
    taken = Place(receiver.sequence, receiver.digest)
    # Retention may have removed the event, but not the one after it.
    is_there = Q(sequence=taken.sequence, digest=taken.digest) | Q(sequence=taken.sequence + 1, previous=taken.digest)
    if not taken.digest or Event.objects.filter(is_there).exists():
        return taken
    earlier = fitting().filter(sequence__lt=taken.sequence).last()
    return Place(earlier.sequence, earlier.digest) if earlier else Place()


@handles(TASK, kept=False)
def receiver_advance(*, job: Job) -> None:
    """Send to a receiver what it has not taken yet, for some seconds. Raises: Retry while it fails."""
    until = time.monotonic() + BEGINS_WITHIN_S
    while receiver := SyslogReceiver.objects.filter(pk=job.subject, enabled=True).first():
        batch = batch_after(receiver, most=max(MOST >> min(receiver.failures, 10), FEWEST))
        if batch is None:
            break
        if left := pause_left(receiver.next_attempt_at, now=timezone.now()):
            raise Retry(f"The receiver is tried again later. {receiver.last_error}", after=min(left, LOOK_AGAIN))
        if time.monotonic() > until or not _sent(receiver, batch):
            return job_again(job=job, at=timezone.now())
    return job_finish(job=job, outcome=Job.Outcome.DONE, now=timezone.now())


def _as_read(receiver: SyslogReceiver) -> QuerySet[SyslogReceiver]:
    """The receiver, if no other worker has moved its cursor or failed since it was read."""
    same = {name: getattr(receiver, name) for name in ("sequence", "checkpoint", "failures")}
    return SyslogReceiver.objects.filter(pk=receiver.pk, **same)


def _sent(receiver: SyslogReceiver, batch: Batch) -> bool:
    """Send a batch and move the cursor. False if another worker sends to this receiver too: the other one continues."""
    try:
        deliver(receiver.host, receiver.port, batch.content, authorities=receiver.ca)
    except OutboundFailed as exc:
        return bool(_failed(receiver, exc, now=timezone.now()))
    well = {"delivered_at": timezone.now(), "failing_since": None, "next_attempt_at": None, "failures": 0, "last_error": ""}
    return bool(_as_read(receiver).update(sequence=batch.place.sequence, digest=batch.place.digest, checkpoint=batch.checkpoint, **well))


def _failed(receiver: SyslogReceiver, exc: OutboundFailed, *, now: datetime) -> int:
    return _as_read(receiver).update(
        failing_since=min(receiver.failing_since or now, now),
        next_attempt_at=now + pause_after(receiver.failures),
        failures=receiver.failures + 1,
        last_error=str(exc)[:500],
    )
