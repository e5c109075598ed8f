"""Export events: a range that proves itself, or a selection that proves nothing about what is missing. Each export is an event."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from audit.actors import Actor
from audit.checkpoints.services import IN_THE_LOG
from audit.exports.ranges import ClosedRange, NotProved, log_key, range_closed
from audit.listing import EventFilter, events_page
from audit.models import Event
from audit.models import Finding as Found
from audit.reasons import PERMISSION as REASONS
from audit.record import record
from pki.core.commands import QMC

PERMISSION = "audit.view_event"  # with that of reasons, which the files have
BATCH = 1000


class RangeReversed(Exception):
    """The last event of a range is before its first one."""


def range_export(*, actor: Actor, first: int, last: int | None = None, now: datetime) -> ClosedRange:
    """The range from the event `first` to the checkpoint at the event `last` or the next one after it; without `last`, to the last checkpoint.

    Raises: PermissionRefused, RangeReversed, NotProved.
    """
    actor.require(PERMISSION)
    actor.require(REASONS)
    if last is not None and last < first:
        raise RangeReversed("The last event is before the first one.")
    if Found.objects.exclude(kind__in=IN_THE_LOG).exists():
        raise NotProved(
            f"The audit log does not fit its checkpoints, so no file proves it now. Run `{QMC} verify_audit` on the central node: it names what was done."
        )
    found = range_closed(first, last)
    detail = {"first": found.header.first, "last": found.header.last}
    record(actor=actor, action="audit.exported", target=log_key(), detail=detail, now=now)
    return found


def selection_export(*, actor: Actor, wanted: EventFilter, now: datetime) -> Iterator[list[Event]]:
    """The events that match, the newest first, in batches. Raises: PermissionRefused, NotProved before the first checkpoint."""
    actor.require(PERMISSION)
    actor.require(REASONS)
    record(actor=actor, action="audit.exported", target=log_key(), detail={"filters": filters_of(wanted)}, now=now)
    return _batches(wanted)


def filters_of(wanted: EventFilter) -> dict[str, str]:
    """The conditions that a selection has, as texts."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(wanted).items() if value}


def _batches(wanted: EventFilter) -> Iterator[list[Event]]:
    page = events_page(wanted, size=BATCH)
    yield page.rows
    while page.before:
        page = events_page(wanted, before=page.before, size=BATCH)
        yield page.rows
