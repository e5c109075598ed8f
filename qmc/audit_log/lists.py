"""The lists of events and of segments."""

from datetime import datetime
from typing import Any

from audit.models import Event, Segment
from qmc.audit_log.filters import AuditFilter
from qmc.audit_log.view_models import SegmentLine, segment_lines
from web.lists.declared import Column, List

SEGMENT_FACTS = (
    "first", "last", "since", "until", "status", "problem", "size", "sha256", "created_at", "created_by", "decided_at", "decided_by", "reason", "removed_at",
)  # fmt: skip


class EventList(List):
    model = Event
    noun, caption = "event", "Audit log, newest event first"
    empty = "Nothing has happened yet."
    filters = AuditFilter
    sort = "-sequence"


class SegmentList(List):
    model = Segment
    noun, caption = "segment", "Old events in files, the newest first"
    empty = "No events were written to files."
    columns = (
        Column("first", "Events", "qmc/audit_log/cell_events.html", sort="first"),
        Column("status", "State", "qmc/audit_log/cell_status.html"),
        Column("file", "File", "qmc/audit_log/cell_file.html"),
    )
    sort = "-first"
    csv = ("id", *SEGMENT_FACTS, "file")
    reasons = ("reason", "problem")

    def shown(self, rows: list[Segment], now: datetime) -> list[SegmentLine]:
        return segment_lines(rows)

    def json(self, rows: list[Segment], now: datetime) -> list[dict[str, Any]]:
        return [segment_json(segment) for segment in rows]


def segment_json(segment: Segment) -> dict[str, Any]:
    return {"id": str(segment.pk), "file": segment.file_name, **{name: getattr(segment, name) for name in SEGMENT_FACTS}}
