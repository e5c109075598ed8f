"""The history of an object in words. Each room registers the words for its own events."""

import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from audit.listing import without_index
from audit.models import Event, EventQuerySet
from audit.reading import events_shown

LINES = 30  # on the page of a node or an export; the history page shows all

Wording = Callable[[Event], tuple[str, str]]
_wordings: dict[str, Wording] = {}


@dataclass(frozen=True)
class Line:
    """One line of history."""

    at: datetime
    text: str
    color: str
    actor: str
    reason: str = ""


@dataclass(frozen=True)
class History:
    """A part of a history, the newest line first. `older`: the lines before this event are the next part. None: there are no older ones."""

    rows: list[Line]
    older: int | None


def wording_register(*actions: str) -> Callable[[Wording], Wording]:
    """Register the decorated function, which returns the words for events with these actions and the color of their spot."""

    def register(wording: Wording) -> Wording:
        for action in actions:
            if action in _wordings:
                raise ValueError(f"{action} has a wording already")
            _wordings[action] = wording
        return wording

    return register


def words_register(words: Mapping[str, tuple[str, str]]) -> None:
    """Register words that are the same for each event of an action, by the action."""
    wording_register(*words)(lambda event: words[event.action])


def actions() -> list[str]:
    """The actions that have words, sorted: all that this version records."""
    return sorted(_wordings)


def history_of(target: uuid.UUID, own: "QuerySet[Any]", *, before: int | None, lines: int) -> History:
    """The newest events of `target` and of its certificates before the event `before`. `own` are the rows of its certificates."""
    of_target = _newest(Event.objects.for_target(target).order_by("-sequence"), before, lines)
    # A certificate has few events. In this order, the database finds them by the certificates and does not search the whole log for them.
    of_own = Event.objects.filter(target_id__in=own.order_by().values("pk")).order_by(without_index("sequence").desc())
    newest = _newest(of_own.exclude(action="certificate.recorded"), before, lines)
    found = sorted([*of_target, *newest], key=lambda event: event.sequence, reverse=True)
    shown = found[:lines]
    kinds = dict(own.filter(pk__in=[event.target_id for event in shown]).values_list("pk", "kind"))
    return History([line(event, kinds.get(event.target_id, "")) for event in shown], shown[-1].sequence if len(found) > lines else None)


def _newest(events: EventQuerySet, before: int | None, lines: int) -> list[Event]:
    """One more than `lines`, which says whether there are older ones."""
    return events_shown((events.filter(sequence__lt=before) if before else events)[: lines + 1])


def line(event: Event, kind: str = "") -> Line:
    """One event in words. `kind` is the kind of a certificate."""
    text, color = words_of(event)
    return Line(event.at, f"{kind.capitalize()} {text}" if kind else text, color, event.actor, str(event.detail.get("reason") or ""))


def words_of(event: Event) -> tuple[str, str]:
    """The words for an event, and the color of its spot. The name of the action, if another version recorded it in another form."""
    if wording := _wordings.get(event.action):
        with contextlib.suppress(LookupError, TypeError, ValueError, AttributeError):
            return wording(event)
    return name_in_words(event.action), "grey"


def name_in_words(action: str) -> str:
    """The name of an action: node created, certificate state changed."""
    return action.replace("transition", "state changed").translate(str.maketrans("._-", "   "))
