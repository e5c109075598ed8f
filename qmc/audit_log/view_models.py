"""View models of the pages of the audit log."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db.models import Max, Min
from django.urls import reverse
from django.utils import timezone

from audit.actors import Actor
from audit.checkpoints.models import GAP_ACCEPTED
from audit.event_lines import words_of
from audit.listing import MOST_EXAMINED, EventFilter, events_page, name_of
from audit.models import Checkpoint, CheckpointKey, Event, Finding, Segment
from audit.object_pages import ObjectPage, object_pages
from audit.reading import events_shown
from audit.reasons import may_read_reasons
from audit.request import CredentialKind
from audit.retention.services import MOST_SEGMENTS, not_removable
from audit.retention.states import SegmentStatus
from jobs.models import Job
from qmc.audit_log.attention import REMEDY, UNSIGNED_REMEDY, unsigned_cause
from qmc.audit_log.detail_words import REASON, detail_lines
from web.lists.filters import as_uuid
from web.lists.listed import Filtered
from web.words import counted

BUSY_S, IDLE_S = 2, 30
TOKEN = "people.apitoken"  # noqa: S105  (the type of an object)


@dataclass(frozen=True)
class Link:
    """A name, with the page of its object: `view` is the name of the page, and "" if there is none."""

    text: str
    view: str = ""
    href: str = ""


@dataclass(frozen=True)
class EventRow:
    """One event in words. `noun` says what kind of object it is about; "" if its name says so. `reason` is "" for people who may not read it."""

    event: Event
    text: str
    color: str
    reason: str
    target: Link
    noun: str


@dataclass(frozen=True)
class EventPage:
    """Everything about one event. `hides_reason`: it has a reason, which this person may not read."""

    row: EventRow
    detail: Sequence[tuple[str, str]]
    credential: Link
    hides_reason: bool

    @property
    def title(self) -> str:
        return f"Event {self.row.event.sequence}"


STATES = ("whole", "changed", "not signed", "not signed yet")


@dataclass(frozen=True)
class LogStatus:
    """Whether the log is evidence: what the last looks found, why it could not be signed, and its last checkpoint. `gaps` counts those that were accepted.

    `removed_up_to`: the events up to this one are in files alone.
    """

    findings: Sequence[str]
    problem: str
    last: Checkpoint | None
    has_key: bool
    gaps: int
    removed_up_to: int | None

    @property
    def remedy(self) -> str:
        return REMEDY if self.findings else UNSIGNED_REMEDY

    @property
    def state(self) -> str:
        return "changed" if self.findings else "not signed" if self.problem else "whole" if self.last else "not signed yet"  # STATES

    @property
    def color(self) -> str:
        return {"changed": "red", "not signed": "orange", "whole": "green"}.get(self.state, "grey")


@dataclass(frozen=True)
class ExportPage:
    """What can be exported. `filters`: the name and the value of each filter of the selection. `last`: the last checkpoint. `refusal`: why there is no file."""

    filters: Sequence[tuple[str, str]]
    query: str
    last: Checkpoint | None
    refusal: str


@dataclass(frozen=True)
class AuditPage:
    """A part of the log. `older`: the address of the next part goes on before this event; None: there is none. `searched_back_to` is the time of that event,
    if the part has fewer events than a page because a search examines a limited number."""

    title: str
    subtitle: str
    target: Link
    rows: Sequence[EventRow]
    older: int | None
    searched_back_to: datetime | None
    status: LogStatus

    @property
    def examined(self) -> int:
        return MOST_EXAMINED


def noun_of(kind: str) -> str:
    """What an object of this type is called: browser certificate. Its type, if this version does not know it."""
    try:
        return str(apps.get_model(kind)._meta.verbose_name).removeprefix("api ")
    except (LookupError, ValueError):
        return kind


def _row(event: Event, pages: Mapping[uuid.UUID, ObjectPage], *, reads: bool) -> EventRow:
    text, color = words_of(event)
    reason = str(event.detail.get(REASON) or "") if reads else ""
    noun = noun_of(event.target_type)
    target = _link(event.target_label or "without a name", event.target_id, pages)
    return EventRow(event, text[:1].upper() + text[1:], color, reason, target, "" if event.target_label.lower().startswith(noun) else noun)


def _link(text: str, pk: uuid.UUID, pages: Mapping[uuid.UUID, ObjectPage]) -> Link:
    page = pages.get(pk)
    return Link(text, page.view, reverse(page.view, args=[] if page.is_shared else [pk])) if page else Link(text)


def _pages(events: Iterable[Event]) -> dict[uuid.UUID, ObjectPage]:
    return object_pages((event.target_type, event.target_id) for event in events)


def log_status() -> LogStatus:
    """What the cards above the log show."""
    gaps = Event.objects.filter(action=GAP_ACCEPTED).count()
    texts = list(dict.fromkeys(Finding.objects.values_list("text", flat=True)))
    last = Checkpoint.objects.signed().last()
    removed = Segment.objects.filter(status=SegmentStatus.REMOVED).aggregate(last=Max("last"))["last"]
    return LogStatus(texts, unsigned_cause(now=timezone.now()), last, CheckpointKey.objects.exists(), gaps, removed)


def audit_page(wanted: EventFilter, *, before: int | None, size: int, actor: Actor) -> AuditPage:
    """The page of the events that match, and are older than the event `before`."""
    found = events_page(wanted, before=before, size=size)
    pages, reads = _pages(found.rows), may_read_reasons(actor)
    rows = [_row(event, pages, reads=reads) for event in found.rows]
    searched = found.before if len(rows) < size else None
    back_to = next((event.at for event in events_shown(Event.objects.filter(sequence=searched))), None) if searched else None
    title, subtitle, target = "Audit log", "Who did what, to which object, when, and from where", Link("")
    if key := as_uuid(wanted.target):
        name = rows[0].target.text if rows else name_of(key) or "an unknown object"
        title, subtitle, target = f"History of {name}", "Every event of this object", rows[0].target if rows else Link(name)
    elif wanted.request_id:
        title, subtitle = "Events of one request", f"Request {wanted.request_id}"
    return AuditPage(title, subtitle, target, rows, found.before, back_to, log_status())


def export_page(listed: Filtered, *, refusal: str) -> ExportPage:
    """The page that exports a range, or the events that the filters of the address leave."""
    filters = [
        (field.label, str(field.value())) for name in listed.form.changed_data if (field := listed.form[name]) and name != "time_zone"
    ]
    return ExportPage(filters, listed.url(), Checkpoint.objects.signed().last(), refusal)


def event_page(event: Event, *, actor: Actor) -> EventPage:
    """The page of one event."""
    kind, _, name = event.credential.partition(" ")
    token = as_uuid(name) if kind == CredentialKind.TOKEN else None
    pages = object_pages([(event.target_type, event.target_id), *([(TOKEN, token)] if token else [])])
    row = _row(event, pages, reads=(reads := may_read_reasons(actor)))
    credential = _link(event.credential, token, pages) if token else Link(event.credential)
    # Some rooms record the address in the detail too.
    detail = {name: value for name, value in event.detail.items() if (name, value) != ("address", event.address)}
    return EventPage(row, detail_lines(detail), credential, bool(event.detail.get(REASON)) and not reads)


@dataclass(frozen=True)
class SegmentLine:
    """A segment in a list. `waits`: why a worker cannot go on now; "" if it can. `left`: how many of its events are in the database, while they are removed."""

    segment: Segment
    waits: str = ""
    left: int = 0

    @property
    def count(self) -> str:
        return counted(self.segment.count, "event")

    @property
    def can_be_removed(self) -> bool:
        return self.segment.status == SegmentStatus.WRITTEN

    @property
    def progress(self) -> str:
        if self.segment.status == SegmentStatus.REMOVING and self.segment.checkpoint:
            return f"{self.segment.count - self.left} of {self.count} removed"
        return ""


def segment_lines(segments: Iterable[Segment]) -> list[SegmentLine]:
    """The lines of a list. Two queries."""
    found = list(segments)
    jobs = dict(Job.objects.unfinished().filter(subject__in=[segment.pk for segment in found]).values_list("subject", "progress"))
    begin = Event.objects.aggregate(first=Min("sequence"))["first"] or 0
    return [SegmentLine(segment, jobs.get(segment.pk, ""), min(segment.count, max(0, segment.last + 1 - begin))) for segment in found]


@dataclass(frozen=True)
class SegmentsPage:
    """`every_s`: the seconds between two updates."""

    every_s: int


def segments_page() -> SegmentsPage:
    busy = Segment.objects.filter(status__in=(SegmentStatus.WRITING, SegmentStatus.REMOVING)).exists()
    return SegmentsPage(BUSY_S if busy else IDLE_S)


@dataclass(frozen=True)
class ClosePage:
    """What will happen: `planned` are the segments that will be written to files. `refusal`: why none will be."""

    planned: Sequence[Segment] = ()
    refusal: str = ""

    @property
    def events(self) -> str:
        return counted(sum(segment.count for segment in self.planned), "event")

    @property
    def files(self) -> str:
        return counted(len(self.planned), "file")

    @property
    def is_cut(self) -> bool:
        """Whether there may be more events before this day than are written at once."""
        return len(self.planned) == MOST_SEGMENTS


@dataclass(frozen=True)
class RemovalPage:
    """The decision to remove the events of a segment. `refusal`: why they cannot be removed now."""

    line: SegmentLine
    refusal: str

    @property
    def segment(self) -> Segment:
        return self.line.segment


def removal_page(segment: Segment, *, refusal: str = "") -> RemovalPage:
    return RemovalPage(SegmentLine(segment), refusal or not_removable(segment))
