"""The chain of events: the verification of all events or of the new ones."""

from collections.abc import Callable
from datetime import datetime

from audit.models import Event, Head, Mark
from pki.evidence.events import Place, digest_of

BATCH = 2000
MOST_AT_ONCE = 20_000  # about a second of a worker


class ChainBroken(Exception):
    """The log was changed after it was written."""


def verify(progress: Callable[[int], None] = lambda verified: None) -> int:
    """Verify the whole chain and return its length. It trusts no mark. `progress` gets the number of verified events.

    Raises: ChainBroken, naming the first event that does not fit.
    """
    return _followed(Place(), None, progress).sequence


def verify_new(*, now: datetime) -> None:
    """Verify the events after the mark, at most `MOST_AT_ONCE`, and move the mark. A problem is stored in the mark, which then stays."""
    mark = Mark.objects.filter(pk=1).first() or Mark(pk=1, at=now)
    start = Place(mark.sequence, mark.digest)
    try:
        if start.sequence and not Event.objects.filter(sequence=start.sequence, digest=start.digest).exists():
            raise ChainBroken(f"the audit log was changed at event {start.sequence} or before it, after these events were verified")
        end = _followed(start, MOST_AT_ONCE, lambda verified: None)
    except ChainBroken as exc:
        mark.problem = str(exc)[:500]
    else:
        mark.sequence, mark.digest, mark.problem = end.sequence, end.digest, ""
    mark.at = now
    mark.save()


def _head() -> Place:
    head = Head.objects.filter(pk=1).first()
    return Place(head.sequence, head.digest) if head else Place()


def _followed(start: Place, most: int | None, progress: Callable[[int], None]) -> Place:
    """The last event after `start`, or the first one that is at least `most` events later. Others may write meanwhile. Raises: ChainBroken."""
    before, place = _head(), start
    while batch := list(Event.objects.filter(sequence__gt=place.sequence).order_by("sequence")[:BATCH]):
        for event in batch:
            if (event.sequence, event.previous) != (place.sequence + 1, place.digest) or event.digest != digest_of(event):
                raise ChainBroken(
                    f"the audit log was changed at event {event.sequence}: find out who wrote to the database, and restore the site from a backup"
                )
            place = Place(event.sequence, event.digest)
        progress(place.sequence)
        if most is not None and place.sequence - start.sequence >= most:
            return place
    after = _head()
    if not before.sequence <= place.sequence <= after.sequence:
        raise ChainBroken(f"the audit log ends at event {place.sequence}, but {after.sequence} were written")
    if any(head.sequence == place.sequence and head.digest != place.digest for head in (before, after)):
        raise ChainBroken(f"the audit log was changed at event {place.sequence}, the last one")
    return place
