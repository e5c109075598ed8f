"""The chain of events in the database: read in its order, and its end."""

from collections.abc import Iterator

from django.db.models import Max

from audit.models import Event, Head
from audit.reading import events_read
from pki.evidence.events import Place

BATCH = 2000


def events_after(sequence: int) -> Iterator[Event]:
    """The events after this one, in batches. Others may write meanwhile: it goes on to the last one that is there then."""
    while batch := events_read(Event.objects.filter(sequence__gt=sequence).order_by("sequence")[:BATCH]):
        yield from batch
        if batch[-1].sequence <= sequence:  # SQLite takes a text as a number, and sorts it after all numbers
            return
        sequence = batch[-1].sequence


def head_place() -> Place:
    """The row that writers lock, which has the last event; the start if the row is missing."""
    head = Head.objects.filter(pk=1).first()
    return Place(head.sequence, head.digest) if head else Place()


def last_place() -> Place:
    """The last event that there is."""
    # With statistics, SQLite would sort all events to find the last one. It reads a maximum from the index.
    sequence = Event.objects.aggregate(last=Max("sequence"))["last"]
    last = Event.objects.filter(sequence=sequence).only("sequence", "digest").first()
    return Place(last.sequence, last.digest) if last else Place()
