"""Files of the audit log, for the page and the API."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from django.http import StreamingHttpResponse

from audit.actors import Actor
from audit.exports.services import filters_of, range_export, selection_export
from audit.listing import EventFilter
from audit.models import Event
from pki.evidence.events import event_line
from pki.evidence.exported import PROVES_NOTHING, selection_line
from web.lists.downloads import TYPES, csv_lines

KINDS = ("jsonl", "csv")
JSON_LINES = "application/jsonl"
COLUMNS = (
    "sequence", "at", "actor", "action", "outcome", "target_type", "target_id", "target_label", "detail", "request_id", "address", "credential",
)  # fmt: skip


def range_answer(*, actor: Actor, first: int, last: int | None, now: datetime) -> StreamingHttpResponse:
    """A range with its checkpoints, as a file that `python -m audit.verify` verifies. Raises: PermissionRefused, RangeReversed, NotProved."""
    found = range_export(actor=actor, first=first, last=last, now=now)
    return _file(found.lines(), JSON_LINES, f"audit-log-{found.header.first}-{found.header.last}.jsonl")


def selection_answer(*, actor: Actor, wanted: EventFilter, kind: str, now: datetime) -> StreamingHttpResponse:
    """The events that match as a file. `kind` is one of KINDS. Its first line says that it proves nothing. Raises: PermissionRefused, NotProved."""
    batches = selection_export(actor=actor, wanted=wanted, now=now)
    name = f"audit-log-selection.{kind}"
    if kind == "csv":
        rows = ([{name: getattr(event, name) for name in COLUMNS} for event in events] for events in batches)
        return _file(csv_lines(rows, COLUMNS, note=PROVES_NOTHING), TYPES["csv"], name)
    return _file(chain([f"{selection_line(filters_of(wanted))}\n"], _lines(batches)), JSON_LINES, name)


def _lines(batches: Iterator[list[Event]]) -> Iterator[str]:
    for events in batches:
        yield "".join(f"{event_line(event)}\n" for event in events)


def _file(lines: Iterator[str], content_type: str, name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(lines, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
