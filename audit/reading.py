"""Read events, also those that SQL alone has given a form that the product never writes: one such row hides no other event."""

import math
import uuid
from datetime import UTC, datetime
from typing import Any

from django.db import DataError, OperationalError

from audit.models import Event, EventQuerySet

UNREADABLE = "audit.event_unreadable"
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)  # the time of an event whose time cannot be read
EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)  # in every time zone
DEEPEST = 50  # levels of a detail
FAULTS = (DataError, OperationalError, ValueError, TypeError, OverflowError, RecursionError)
OTHERS: dict[str, tuple[type, Any]] = {
    "sequence": (int, 0), "id": (uuid.UUID, uuid.UUID(int=0)), "target_id": (uuid.UUID, uuid.UUID(int=0)), "at": (datetime, UNKNOWN),
    "detail": (object, {}),
}  # fmt: skip
FORMS = {field.name: OTHERS.get(field.name, (str, "")) for field in Event._meta.concrete_fields}


def events_read(found: EventQuerySet) -> list[Event]:
    """The events. One that cannot be read has the action UNREADABLE, and no digest, so that it never fits the chain."""
    try:
        events = list(found)
        if all(_has_forms(event) for event in events):
            return events
    except FAULTS:
        pass
    return [_read_alone(sequence) for sequence in found.values_list("sequence", flat=True)]


def events_shown(found: EventQuerySet) -> list[Event]:
    """The events as pages and answers show them: a detail is an object, and has only texts and numbers that an answer can have."""
    events = events_read(found)
    for event in events:
        event.detail = _showable(event.detail if isinstance(event.detail, dict) else {"value": event.detail})
        event.at = event.at if EARLIEST < event.at < LATEST else UNKNOWN
    return events


def _has_forms(event: Event) -> bool:
    return all(isinstance(getattr(event, name), form) for name, (form, _) in FORMS.items())


def _read_alone(sequence: Any) -> Event:
    values: dict[str, Any] = {}
    unread = []
    for name, (form, instead) in FORMS.items():
        try:
            values[name] = Event.objects.values_list(name, flat=True).get(sequence=sequence)
            if not isinstance(values[name], form):
                raise TypeError(name)
        except FAULTS:
            values[name] = instead
            unread.append(name)
    if unread:
        values |= {"action": UNREADABLE, "detail": {"cannot be read": unread}, "digest": ""}
    return Event.from_db(None, [*values], [*values.values()])


def _showable(value: Any, level: int = 0) -> Any:
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case float() if not math.isfinite(value):
            return str(value)
        case dict() | list() if level == DEEPEST:
            return "…"
        case dict():
            return {_showable(name): _showable(inner, level + 1) for name, inner in value.items()}
        case list():
            return [_showable(inner, level + 1) for inner in value]
        case _:
            return value
