"""The work on segments, one step at a time, on the central node. It can end at each step: the next worker goes on, and nothing is lost."""

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from agent.files import InUse
from audit.actors import SYSTEM, system_for
from audit.checkpoints.key import zone_here
from audit.checkpoints.services import CheckpointRefused, checkpoint_sign
from audit.exports.ranges import NotProved, range_closed
from audit.models import Event, Segment
from audit.retention.files import FileDamaged, segment_read, segment_verify, segment_write
from audit.retention.services import TASK, events_before, segment_transition, still_needed
from audit.retention.states import SegmentStatus
from jobs.models import Job
from jobs.registry import Retry, handles
from jobs.services import job_again, job_finish
from pki.core.errors import PKIError
from pki.evidence.checkpoints import Removed

SOON, LATER = timedelta(seconds=10), timedelta(minutes=1)
BATCH, AT_A_STRETCH_S = 2000, 5.0


@handles(TASK)
def segment_advance(*, job: Job) -> None:
    """Write and verify the file of a segment, or remove its events. Raises: Retry."""
    segment, now = Segment.objects.get(pk=job.subject), timezone.now()
    if zone_here() is None:
        raise Retry("A worker of the central node must do this, because the files are there.", after=SOON)
    try:
        if segment.status == SegmentStatus.WRITING:
            _write(segment, now=now)
        elif segment.status == SegmentStatus.REMOVING and not _remove(segment, now=now):
            return job_again(job=job, at=timezone.now(), progress=f"up to event {segment.last}")
    except OSError as exc:
        raise Retry(f"{exc.filename or 'The file'} cannot be used: {exc.strerror}.", after=LATER) from exc
    except (FileDamaged, NotProved, PKIError) as exc:
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
    if segment.checkpoint is None:
        if needed := still_needed(segment.last):
            raise Retry(f"These events are still needed. {needed}", after=LATER)
        if segment_read(segment).sha256 != segment.sha256:
            raise FileDamaged("The file was changed after it was verified. No event was removed. Write the events to a file again.")
        _sign(segment, now=now)
    until = time.monotonic() + AT_A_STRETCH_S
    while time.monotonic() < until:
        if _remove_batch(segment, now=now):
            return True
    return False


def _sign(segment: Segment, *, now: datetime) -> None:
    """A worker that ends after this signs it once more, which changes nothing."""
    removed = Removed(segment.last, segment.digest, segment.sha256, segment.decided_by)
    try:
        row = checkpoint_sign(now=now, removed=removed)
    except (CheckpointRefused, InUse) as exc:
        raise Retry(f"The removal cannot be signed yet. {exc}", after=SOON) from exc
    if row is None:
        raise Retry("The site is not complete yet.", after=SOON)
    Segment.objects.filter(pk=segment.pk).update(checkpoint=row.number)
    segment.checkpoint = row.number


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
