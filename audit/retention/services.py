"""Write old events to files, and remove them from the database by the decision of a person. docs/develop/audit.md has the steps."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Min

from audit.actors import Actor
from audit.chain import last_place
from audit.exports.ranges import fitting, log_key
from audit.models import Event, Segment
from audit.record import record
from audit.retention.states import TRANSITIONS, SegmentStatus
from jobs.services import job_create

PERMISSION = "audit.remove_event"
TASK, TRANSITION = "audit.retention", "audit.segment_transition"
KEPT = timedelta(days=30)
MOST_IN_SEGMENT = 50_000  # a file that a worker writes and verifies within its lease
MOST_SEGMENTS = 100
Reader = Callable[[int], str]
_readers: list[Reader] = []


class RetentionRefused(Exception):
    """These events are not written to files or removed. The text says why, and what to do."""


class StaleSegment(Exception):
    """Another process changed the segment first."""


def readers_register(reader: Reader) -> Reader:
    """Register a function that gets a sequence number. It returns why the events up to this one cannot be removed yet: a receiver has not taken them. "" if all have."""
    _readers.append(reader)
    return reader


def still_needed(last: int) -> str:
    """Why the events up to `last` are still needed; "" if they are not."""
    return " ".join(filter(None, (reader(last) for reader in _readers)))


def is_kept(at: datetime, *, now: datetime) -> bool:
    """Whether what was signed at this time stays in the database."""
    return at > now - KEPT


def segments_planned(*, actor: Actor, before: datetime, now: datetime) -> list[Segment]:
    """The segments of the events that are older than `before`, and in no segment yet. They are not saved. Each one ends at a checkpoint.

    Raises: PermissionRefused, RetentionRefused, NotProved.
    """
    actor.require(PERMISSION)
    if is_kept(before, now=now):
        raise RetentionRefused(f"Events of the last {KEPT.days} days stay in the database. Give an earlier time.")
    log_key()
    segments = [*_segments(before, actor=actor, now=now)]
    if not segments:
        raise RetentionRefused("No checkpoint before this time has events that are in no file yet. Give a later time.")
    return segments


def segments_close(*, actor: Actor, before: datetime, now: datetime) -> list[Segment]:
    """Let a worker write the segments of `segments_planned` to files. Raises: PermissionRefused, RetentionRefused, NotProved."""
    try:
        with transaction.atomic():
            return [_close(segment, actor=actor, now=now) for segment in segments_planned(actor=actor, before=before, now=now)]
    except IntegrityError as exc:
        raise RetentionRefused("Another request is already writing these events to files. Check the list.") from exc


def _segments(before: datetime, *, actor: Actor, now: datetime) -> Iterator[Segment]:
    newer = Event.objects.filter(at__gte=before).aggregate(first=Min("sequence"))["first"]
    limit = newer - 1 if newer else last_place().sequence
    kept, after = Segment.objects.exclude(status=SegmentStatus.FAILED).order_by("first"), 0
    for _ in range(MOST_SEGMENTS):
        while there := kept.filter(first__lte=after + 1, last__gt=after).first():
            after = there.last
        begin = Event.objects.filter(sequence__gt=after).order_by("sequence").first()
        following = kept.filter(first__gt=after).first()
        within = fitting().filter(sequence__gt=after, sequence__lte=min(limit, following.first - 1) if following else limit)
        end = begin and (within.filter(sequence__lt=begin.sequence + MOST_IN_SEGMENT).last() or within.first())
        if begin is None or end is None:
            return
        last = Event.objects.get(sequence=end.sequence)
        yield Segment(
            first=begin.sequence, last=last.sequence, digest=last.digest, since=begin.at, until=last.at, created_at=now, created_by=actor.label[:200]
        )  # fmt: skip
        after = last.sequence


def _close(segment: Segment, *, actor: Actor, now: datetime) -> Segment:
    segment.save(force_insert=True)
    detail = {"first": segment.first, "last": segment.last}
    record(actor=actor, action="audit.segment_requested", target=segment, detail=detail, now=now)
    _job(segment, "Write", actor=actor, now=now)
    return segment


def _job(segment: Segment, what: str, *, actor: Actor, now: datetime) -> None:
    job_create(task=TASK, subject=segment.pk, title=f"{what} {segment}", actor=actor.label, now=now)


def events_before(segment: Segment) -> bool:
    """Whether the database still has earlier events."""
    return Event.objects.filter(sequence__lt=segment.first).exists()


def not_removable(segment: Segment) -> str:
    """Why the events of `segment` cannot be removed now, and what to do; "" if they can."""
    if segment.status != SegmentStatus.WRITTEN:
        return f"Its status is “{segment.status}”. Only events whose file was written and verified can be removed."
    before = Segment.objects.filter(last=segment.first - 1, status__in=(SegmentStatus.REMOVING, SegmentStatus.REMOVED))
    if not before.exists() and events_before(segment):
        return "The log is removed from its start. Remove the events before these first."
    if needed := still_needed(segment.last):
        return f"These events are still needed. {needed}"
    return ""


@transaction.atomic
def segment_remove(*, actor: Actor, segment: Segment, reason: str, now: datetime) -> None:
    """A person decides that the events of `segment` are removed from the database, because their file is verified. A worker removes them.

    Segments are removed in the order of the log. Raises: PermissionRefused, RetentionRefused, StaleSegment.
    """
    actor.require(PERMISSION)
    if actor.kind == "system":
        raise RetentionRefused("A person must decide this, by name. Sign in, or use the token of an account.")
    if refusal := not_removable(segment):
        raise RetentionRefused(refusal)
    segment_transition(
        segment=segment, to=SegmentStatus.REMOVING, actor=actor, now=now, reason=reason, decided_by=actor.label[:200], decided_at=now
    )
    _job(segment, "Remove", actor=actor, now=now)


@transaction.atomic
def segment_transition(*, segment: Segment, to: SegmentStatus, actor: Actor, now: datetime, **facts: object) -> None:
    """Change the status, with further columns. Raises: RetentionRefused, StaleSegment."""
    old = SegmentStatus(segment.status)
    if to not in TRANSITIONS[old]:
        raise RetentionRefused(f"{segment} cannot change from {old} to {to}.")
    if not Segment.objects.filter(pk=segment.pk, status=old).update(status=to, **facts):
        raise StaleSegment(f"Another process has just changed {segment}. Load the page again.")
    segment.refresh_from_db()
    detail = {"from": old, "to": to, "first": segment.first, "last": segment.last, "sha256": segment.sha256}
    detail |= {name: facts[name] for name in ("reason", "problem") if facts.get(name)}
    record(actor=actor, action=TRANSITION, target=segment, detail=detail, now=now)
