"""Needs of the audit log: it was changed, it cannot be signed or verified, or work on old events failed."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, QuerySet
from django.urls import reverse

from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from attention.work import periodic_work
from audit.checkpoints.services import PATIENCE_TO_SIGN, unsigned_after
from audit.models import Finding, Segment
from audit.retention.states import SegmentStatus
from audit.tasks import CHECK, LOOK
from jobs.models import PeriodicWork
from pki.core.commands import QMC

NAMED = 3
VERIFIED_EVERY = timedelta(days=2)  # a look each day, and one may be missed
REMEDY = (
    f"Run `{QMC} verify_audit`, which reads every event and names all findings. Find out who wrote to the database or to the data directory. "
    f"If events or checkpoints are lost, or a file or the table differs, accept the gap: `{QMC} accept_audit_gap --reason TEXT`. Events that were edited, "
    "inserted, removed or put into another order stay findings until you restore a backup from before the change. The site continues to work."
)
UNSIGNED_REMEDY = (
    "If a cause is named, remove it: free space on the disk, put back the root passphrase, or correct the permissions. Otherwise start the workers of the "
    "central node. A worker tries again every few seconds, and then signs everything that was written meanwhile."
)

UNVERIFIED_REMEDY = f"Run `{QMC} verify_audit` on the central node. It verifies the same and shows why it fails. Remove that cause. This message goes with the next daily verification."
SEGMENT_REMEDY = "No event was lost. Read the reason. If a file was changed or deleted, put the file back or find out who did it. Then write the events to files again."

codes_register(
    {
        "audit-log-changed": "the audit log was changed after it was written",
        "audit-log-unsigned": "the audit log could not be signed",
        "audit-log-unverified": "the whole audit log was not verified for two days",
        "audit-segment-failed": "old events could not be written to a file or removed",
    }
)


@affected_register("audit-log-changed")
def changed(now: datetime) -> Keys:
    return Finding.objects.order_by().values(key=F("pk"))


def segments_failed() -> "QuerySet[Segment]":
    """Segments that failed, and whose events no later segment has."""
    again = Segment.objects.exclude(status=SegmentStatus.FAILED).filter(first=OuterRef("first"))
    return Segment.objects.filter(~Exists(again), status=SegmentStatus.FAILED)


@affected_register("audit-segment-failed")
def failed_segments(now: datetime) -> Keys:
    return segments_failed().order_by().values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Findings of a worker or of `verify_audit`, and work on the log that fails."""
    if look.has("audit-log-changed"):
        yield changed_need()
    yield from worker_needs(look)
    if look.has("audit-segment-failed"):
        yield from segment_needs()


def changed_need() -> Need:
    """All findings, in one need."""
    found = list(Finding.objects.all())
    texts = list(dict.fromkeys(one.text for one in found))
    more = [f"There are {len(texts) - NAMED} more findings."] if len(texts) > NAMED else []
    text = " ".join([*texts[:NAMED], *more])
    since, url = min((one.at for one in found), default=None), reverse("audit:list")
    return Need(
        "audit-log-changed", Severity.CRITICAL, "audit log", "The audit log was changed", text, REMEDY, url, "Open the audit log", since
    )


def worker_needs(look: Look) -> Iterator[Need]:
    """The newest events are not signed, or the whole log was not verified."""
    url = reverse("audit:list")
    if text := unsigned_cause(now=look.now, is_changed=look.has("audit-log-changed")):
        last = periodic_work().get(CHECK)
        yield Need(
            "audit-log-unsigned",
            Severity.WARNING,
            "audit log",
            "The audit log is not signed",
            text,
            UNSIGNED_REMEDY,
            url,
            "Open the audit log",
            last.last_success if last else None,
        )
    verified = periodic_work().get(LOOK)
    if verified is not None and (text := unverified_cause(verified, now=look.now)):
        yield Need(
            "audit-log-unverified",
            Severity.WARNING,
            "audit log",
            "The whole audit log was not verified",
            text,
            UNVERIFIED_REMEDY,
            url,
            "Open the audit log",
            verified.last_success,
        )


def segment_needs() -> Iterator[Need]:
    """Segments that failed, each once."""
    newest: dict[int, Segment] = {}
    for segment in segments_failed().order_by("created_at"):
        newest[segment.first] = segment  # a second try replaces the first
    for segment in newest.values():
        yield Need(
            "audit-segment-failed",
            Severity.WARNING,
            "audit log",
            f"Old {segment} could not be {'removed' if segment.decided_at else 'written to a file'}",
            segment.problem,
            SEGMENT_REMEDY,
            reverse("audit:segments"),
            "Open old events",
            segment.created_at,
            key=str(segment.first),
        )


def unverified_cause(work: PeriodicWork, *, now: datetime) -> str:
    """Why the whole log was not verified, in a sentence; "" if it was. Work that was never asked for is reported as a scheduler that does not run."""
    if work.last_error:
        return f"The last verification failed: {work.last_error.partition(': ')[2]}"
    if work.last_success is not None and now - work.last_success > VERIFIED_EVERY:
        return f"The last verification ended {VERIFIED_EVERY.days} days ago or earlier."
    return ""


def unsigned_cause(*, now: datetime, is_changed: bool = True) -> str:
    """Why the newest events are not signed, in a sentence; "" if they are, or if a finding is the cause. `is_changed`: whether there can be findings."""
    last = periodic_work().get(CHECK)
    if last is not None and last.last_error:
        return f"The last checkpoint could not be signed: {last.last_error.partition(': ')[2]}"
    signed = unsigned_after(now=now)
    if signed is None or (is_changed and Finding.objects.filter(look=Finding.Look.NEW).exists()):
        return ""
    return f"The events after {signed} are older than {PATIENCE_TO_SIGN.seconds // 60} minutes, and no worker has signed them."
