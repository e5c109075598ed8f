"""The history of an object in words. Each room registers the words for its own events."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.core.paginator import Paginator

from audit.models import Event

T = TypeVar("T")
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
class Page(Generic[T]):
    """A page of a list: its number, the number of pages, and the number of all rows."""

    rows: list[T]
    number: int
    pages: int
    total: int

    @property
    def rest(self) -> int:
        """The number of rows on later pages."""
        return self.total - len(self.rows) if self.number == 1 else 0


def wording_register(*actions: str) -> Callable[[Wording], Wording]:
    """Register the decorated function, which returns the words for events with these actions and the color of their spot."""

    def register(wording: Wording) -> Wording:
        for action in actions:
            if action in _wordings:
                raise ValueError(f"{action} has a wording already")
            _wordings[action] = wording
        return wording

    return register


def history_page(target: uuid.UUID, own: Mapping[uuid.UUID, str], page: int, lines: int) -> Page[Line]:
    """A page of the events of `target` and of its certificates, the newest first. `own` maps the id of each certificate to its kind."""
    events = Event.objects.filter(target_id__in=[target, *own]).exclude(action="certificate.recorded")
    paginator = Paginator(events, lines)
    found = paginator.get_page(page)
    rows = [line(event, own.get(event.target_id, "")) for event in found]
    return Page(rows, found.number, paginator.num_pages, paginator.count)


def line(event: Event, kind: str = "") -> Line:
    """One event in words. `kind` is the kind of a certificate. An action without registered words is shown by its name."""
    wording = _wordings.get(event.action)
    text, color = wording(event) if wording else (event.action.replace(".", " ").replace("_", " "), "grey")
    return Line(event.at, f"{kind.capitalize()} {text}" if kind else text, color, event.actor, str(event.detail.get("reason") or ""))
