"""The work on segments, one step at a time, on the central node. It can end at each step: the next worker goes on, and nothing is lost."""

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from agent.files import InUse
from audit.actors import SYSTEM, system_for
from audit.checkpoints.key import public_key_known, zone_here
from audit.checkpoints.services import CheckpointRefused, checkpoint_sign
from audit.exports.ranges import NotProved, range_closed
from audit.models import Checkpoint, Event, Segment
from audit.retention.files import FileDamaged, segment_file, segment_read, segment_verify, segment_write
from audit.retention.services import KEPT, TASK, TRANSITION, events_before, is_kept, segment_transition, still_needed
from audit.retention.states import SegmentStatus
from jobs.models import Job
from jobs.registry import Retry, handles
from jobs.services import job_again, job_finish
from pki.core.errors import PKIError
from pki.evidence.checkpoints import Removed, opened, public_key_from
from pki.evidence.exported import verified
from sealing.errors import TrustZoneError

SOON, LATER = timedelta(seconds=10), timedelta(minutes=1)
BATCH, AT_A_STRETCH_S = 2000, 5.0


class NotDecided(Exception):
    """No signed event says that a person decided the removal."""


@handles(TASK)
def segment_advance(*, job: Job) -> None:
    """Write and verify the file of a segment, or remove its events. Raises: Retry."""
    segment, now = Segment.objects.get(pk=job.subject), timezone.now()
    try:
        if zone_here() is None:
            raise Retry("A worker of the central node must do this, because the files are there.", after=SOON)
        if segment.status == SegmentStatus.WRITING:
            _write(segment, now=now)
        elif segment.status == SegmentStatus.REMOVING and not _remove(segment, now=now):
            return job_again(job=job, at=timezone.now(), progress=f"up to event {segment.last}")
    except OSError as exc:
        raise Retry(f"{exc.filename or 'The file'} cannot be used: {exc.strerror}.", after=LATER) from exc
    except (TrustZoneError, PKIError) as exc:
        raise Retry(str(exc), after=LATER) from exc
    except (FileDamaged, NotProved, NotDecided) as exc:
        segment_transition(segment=segment, to=SegmentStatus.FAILED, actor=SYSTEM, now=now, problem=str(exc))
        return job_finish(job=job, outcome=Job.Outcome.FAILED, now=timezone.now(), error=str(exc))
    return job_finish(job=job, outcome=Job.Outcome.DONE, now=timezone.now())


def _write(segment: Segment, *, now: datetime) -> None:
    closed = range_closed(segment.first, segment.last)
    if (closed.header.first, closed.header.last, closed.digest) != (segment.first, segment.last, segment.digest):
        raise NotProved("The log was changed since these events were chosen. Run `verify_audit`.")
    segment_write(segment, closed.lines())
    written = segment_verify(segment)
    segment_transition(segment=segment, to=SegmentStatus.WRITTEN, actor=SYSTEM, now=now, sha256=written.sha256, size=written.size)


def _remove(segment: Segment, *, now: datetime) -> bool:
    """Whether all events of the segment are removed. First a checkpoint states the removal, so `verify_audit` knows that it was decided."""
    if events_before(segment):
        raise Retry("The events before these are removed first.", after=SOON)
    removed = _removal_stated(segment) or _removal_sign(segment, now=now)
    _file_compare(segment, removed.sha256)
    until = time.monotonic() + AT_A_STRETCH_S
    while time.monotonic() < until:
        if _remove_batch(segment, now=now):
            return True
    return False


def _removal_stated(segment: Segment) -> Removed | None:
    """What the checkpoint of the segment states; None if it does not state the removal of these events."""
    row = Checkpoint.objects.signed().filter(number=segment.checkpoint or 0).first()
    removed = opened(row.line, public_key_from(public_key_known())).removed if row else None
    return removed if removed and removed.sequence == segment.last else None


def _removal_sign(segment: Segment, *, now: datetime) -> Removed:
    """Sign that these events are removed. The row of the segment is no reason: the event of the decision and the file are.

    A worker that ends after this signs it once more, which changes nothing. Raises: NotDecided, FileDamaged, Retry.
    """
    if needed := still_needed(segment.last):
        raise Retry(f"These events are still needed. {needed}", after=LATER)
    decision = _decision(segment, now=now)
    _file_compare(segment, decision.detail["sha256"])
    proved = segment_verify(segment)
    if is_kept(proved.at, now=now):
        raise Retry(f"Events that were signed in the last {KEPT.days} days stay in the database.", after=LATER)
    removed = Removed(segment.last, proved.digest, proved.sha256, decision.actor)
    row = _sign(now=now, removed=removed)
    if row is None:
        raise Retry("The site is not complete yet.", after=SOON)
    Segment.objects.filter(pk=segment.pk).update(checkpoint=row.number)
    return removed


def _decision(segment: Segment, *, now: datetime) -> Event:
    """The event by which a person decided the removal. A checkpoint proves it, with the public key outside the database. Raises: NotDecided, Retry."""
    _sign(now=now)
    facts = {"to": SegmentStatus.REMOVING, "first": segment.first, "last": segment.last, "sha256": segment.sha256}
    for event in Event.objects.for_target(segment.pk).filter(action=TRANSITION, actor=segment.decided_by):
        if facts.items() <= event.detail.items():
            break
    else:
        raise NotDecided("No event says that a person decided this removal, so nothing was removed. Find out who wrote to the database.")
    try:
        lines = range_closed(event.sequence, event.sequence).lines()
        findings = verified(lines, public_key_from(public_key_known())).findings
    except NotProved as exc:
        raise Retry("The decision is not signed yet.", after=SOON) from exc
    if findings:
        raise NotDecided(
            f"The event of the decision is not what was signed, so nothing was removed. {findings[0].text} Run `verify_audit`."
        )
    return event


def _sign(*, now: datetime, removed: Removed | None = None) -> Checkpoint | None:
    try:
        return checkpoint_sign(now=now, removed=removed)
    except (CheckpointRefused, InUse) as exc:
        raise Retry(f"The removal cannot be signed yet. {exc}", after=SOON) from exc


def _file_compare(segment: Segment, sha256: str) -> None:
    """Raises: FileDamaged if the file is not the one that was verified. The text says what to do."""
    try:
        if segment_read(segment).sha256 != sha256:
            raise FileDamaged(f"The file {segment_file(segment)} was changed after it was verified.")
    except FileDamaged as exc:
        begin = Event.objects.order_by("sequence").values_list("sequence", flat=True).first() or 0
        more = "No event was removed. Write the events to a file again."
        if begin > segment.first:
            more = f"The events {segment.first} to {begin - 1} were in this file alone: put it back from a backup. Write the other events to a file again."
        raise FileDamaged(f"{exc} {more}") from exc


@transaction.atomic
def _remove_batch(segment: Segment, *, now: datetime) -> bool:
    """Remove some events, from the start of the log. Whether these were the last ones."""
    left = Event.objects.filter(sequence__lte=segment.last).order_by("sequence").values_list("sequence", flat=True)
    upto = left[BATCH - 1 : BATCH].first()
    # This is the only place that removes events. The manager refuses it everywhere else.
    Event._base_manager.filter(sequence__lte=segment.last if upto is None else upto).delete()
    if upto is not None and upto < segment.last:
        return False
    segment_transition(segment=segment, to=SegmentStatus.REMOVED, actor=system_for(segment.decided_by), now=now, removed_at=now)
    return True
