"""A line of history as a person reads it, and the lines of certificates and exports."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.core.paginator import Paginator

from audit.models import Event

T = TypeVar("T")
LINES = 30  # on the page of a node or an export; its history has the rest

CERTIFICATE_ENTERED = {
    "issued": ("certificate signed", "green"), "superseded": ("certificate superseded", "grey"),
    "revoked": ("certificate revoked", "grey"), "failed": ("certificate was not made", "red"),
}  # fmt: skip
EXPORT_ENTERED = {
    "requested": ("Renewal asked for", "blue"),
    "made": ("Keys, certificates and files made", "green"),
    "failed": ("It could not be made", "red"),
    "revoked": ("Revoked", "red"),
}
EXPORT_SAID = {
    "export.requested": ("Export asked for", "blue"),
    "export.downloaded": ("Files downloaded", "blue"),
    "export.archive_wiped": ("Files wiped, a day after they were made", "grey"),
}


@dataclass(frozen=True)
class Line:
    """One line of history."""

    at: datetime
    text: str
    colour: str
    actor: str
    reason: str = ""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of a longer list: which page this is, of how many, and how many rows there are in all."""

    rows: list[T]
    number: int
    pages: int
    total: int

    @property
    def rest(self) -> int:
        """How many rows come on later pages."""
        return self.total - len(self.rows) if self.number == 1 else 0


def history_page(
    target: uuid.UUID, own: Mapping[uuid.UUID, str], page: int, lines: int, worded: Callable[[Event, str], Line]
) -> Page[Line]:
    """A page of the events of `target` and of its certificates `own`, which come with their kinds; the newest first."""
    events = Event.objects.filter(target_id__in=[target, *own]).exclude(action="certificate.recorded")
    paginator = Paginator(events, lines)
    found = paginator.get_page(page)
    rows = [worded(each, own.get(each.target_id, "")) for each in found]
    return Page(rows, found.number, paginator.num_pages, paginator.count)


def line(event: Event, kind: str = "") -> Line:
    """One event in words; `kind` is a certificate's. What is not known here is shown by its name rather than hidden."""
    to, reason = str(event.detail.get("to", "")), str(event.detail.get("reason") or "")
    if event.action == "certificate.transition":
        text, colour = CERTIFICATE_ENTERED.get(to, (f"certificate {to}", "grey"))
        text = f"{kind.capitalize()} {text}"
    elif event.action == "export.transition":
        text, colour = EXPORT_ENTERED.get(to, (f"Became {to}", "grey"))
    else:
        text, colour = EXPORT_SAID.get(event.action, (event.action.replace(".", " ").replace("_", " "), "grey"))
    return Line(event.at, text, colour, event.actor, reason)
