"""Lists of events: filtered, the newest first, in pages. The time for a page does not depend on the length of the log."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import Exact, GreaterThanOrEqual, IContains, LessThan

from audit.chain import last_place
from audit.models import Event, EventQuerySet
from audit.reading import events_shown

# One page examines at most this many events for conditions that have no index, which takes less than 0.1 s.
MOST_EXAMINED = 20_000
LARGEST_SEQUENCE = 2**63 - 1
# How far clocks can be wrong without hiding an event from a range of time.
CLOCKS_DIFFER = timedelta(days=1)
Condition = Q | Exact | GreaterThanOrEqual | IContains | LessThan


@dataclass(frozen=True)
class EventFilter:
    """The conditions of a list; an empty one matches every event. `target` is the id of an object, or its name when the event happened."""

    actor: str = ""
    action: str = ""
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""
    outcome: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class EventPage:
    """Events, the newest first. There may be more before the event `before`. None: these are the last ones."""

    rows: list[Event]
    before: int | None


def events_page(wanted: EventFilter, *, before: int | None = None, size: int) -> EventPage:
    """The newest events that match, and are older than the event `before`.

    One condition with an index finds candidates. At most MOST_EXAMINED of them are examined for the other conditions, so a page can have few
    events, or none, and still continue.
    """
    within = _between(wanted.since, wanted.until)
    if before is not None:
        within = within.filter(sequence__lt=before)
    indexed, examined = dict(_indexed(wanted)), list(_examined(wanted))
    last = None
    if len(indexed) > 1 or examined:
        ends = {name: _nth(within.filter(**{name: value})) for name, value in indexed.items()} or {"": _nth(within)}
        # The condition with the fewest candidates: its last one is the oldest event, or it has all of them.
        name = min(ends, key=lambda name: ends[name] or 0)
        last = ends[name]
        examined += [Exact(without_index(other), value) for other, value in indexed.items() if other != name]
        indexed = {name: indexed[name]} if name else {}
    found = within.filter(*examined, **indexed)
    rows = events_shown((found.filter(sequence__gte=last) if last else found).order_by("-sequence")[: size + 1])
    return EventPage(rows[:size], rows[size - 1].sequence if len(rows) > size else last)


def names_found(field: str, text: str) -> "QuerySet[Any]":
    """The names in `field` of the newest events that have `text` anywhere, in their order, each once. It examines MOST_EXAMINED events."""
    newest = Event.objects.filter(sequence__gt=last_place().sequence - MOST_EXAMINED).annotate(name=without_index(field))
    return newest.filter(name__icontains=text).order_by("name").values_list("name", flat=True).distinct()


def name_of(target: uuid.UUID) -> str | None:
    """The name of an object in its newest event."""
    return Event.objects.for_target(target).order_by("-sequence").values_list("target_label", flat=True).first()


def _indexed(wanted: EventFilter) -> Iterator[tuple[str, Any]]:
    if wanted.actor:
        yield "actor", wanted.actor
    if wanted.action:
        yield "action", wanted.action
    if wanted.target:
        try:
            yield "target_id", uuid.UUID(wanted.target)
        except ValueError:
            yield "target_label", wanted.target
    if wanted.outcome:
        yield "outcome", wanted.outcome
    if wanted.request_id:
        yield "request_id", wanted.request_id


def _examined(wanted: EventFilter) -> Iterator[Condition]:
    if wanted.since:
        yield GreaterThanOrEqual(without_index("at"), wanted.since)
    if wanted.until:
        yield LessThan(without_index("at"), wanted.until)
    if wanted.search:
        yield _contains(wanted.search)


def without_index(field: str) -> Coalesce:
    """The value of a field as an expression, so that the database does not use the index of this field, but the one of a better condition."""
    return Coalesce(field, field)


def _contains(text: str) -> Q:
    """Whether one of the fields contains `text`. Details are stored as JSON: quotes are escaped there, and on SQLite all but ASCII too."""
    in_fields = [IContains(F(field), text) for field in ("actor", "action", "target_label", "outcome")]
    escaped = json.dumps(text, ensure_ascii=connection.vendor == "sqlite")[1:-1]
    return reduce(or_, map(Q, [*in_fields, IContains(Cast("detail", TextField()), escaped)]))


def _nth(candidates: EventQuerySet) -> int | None:
    """The sequence number of the last candidate that one page examines; None if there are fewer."""
    return candidates.order_by("-sequence").values_list("sequence", flat=True)[MOST_EXAMINED - 1 : MOST_EXAMINED].first()


def _between(since: datetime | None, until: datetime | None) -> EventQuerySet:
    """The part of the log that has the events of this time.

    The log is in the order of commits. Times follow this order, except for differences of clocks. Both ends are found in the index of times,
    once by the time itself and once with a margin, and the wider part is taken.
    """
    within, by_time = Event.objects.all(), Event.objects.order_by("at", "sequence").values_list("sequence", flat=True)
    if since:
        first = by_time.filter(at__gte=since).first()
        earlier = by_time.filter(at__lt=_shifted(since, -CLOCKS_DIFFER)).last()
        within = within.filter(sequence__gte=min(first, earlier or 0)) if first else within.none()
    if until:
        last = by_time.filter(at__lt=until).last()
        later = by_time.filter(at__gte=_shifted(until, CLOCKS_DIFFER)).first()
        within = within.filter(sequence__lte=max(last, later)) if last and later else within if last else within.none()
    return within


def _shifted(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return at
