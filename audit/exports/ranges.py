"""Closed ranges of the log: each ends at the event of a checkpoint, so the lines of a range prove it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from audit.chain import events_after
from audit.checkpoints.key import key_found
from audit.models import Checkpoint, CheckpointKey, Event
from pki.evidence.checkpoints import key_id, public_key_from
from pki.evidence.exported import Header, export_lines

BATCH = 1000


class NotProved(Exception):
    """No checkpoint proves this range. The text says what to do."""


@dataclass(frozen=True)
class ClosedRange:
    """The events `header.first` to `header.last`, and the numbers of the checkpoints that prove them."""

    header: Header
    digest: str
    first_number: int
    last_number: int

    def lines(self) -> Iterator[str]:
        """The lines of its file. The database is read in batches. Reading them raises NotProved if retention removes events of the range meanwhile."""
        return export_lines(self.header, self._checkpoints(), self._events())

    def _events(self) -> Iterator[Event]:
        following = self.header.first
        for event in events_after(self.header.first - 1):
            if event.sequence > following:
                self._refuse_removed()
            if event.sequence > self.header.last:
                return
            yield event
            following = event.sequence + 1
        if following <= self.header.last:
            self._refuse_removed()

    def _refuse_removed(self) -> None:
        """Events are missing. Retention removes from the start of the log. What is missing otherwise is found when the file is verified."""
        if not Event.objects.filter(sequence=self.header.first).exists():
            raise NotProved("Old events were removed while they were written to this file. Export the range again.")

    def _checkpoints(self) -> Iterator[str]:
        number, numbered = self.first_number - 1, Checkpoint.objects.signed().filter(number__lte=self.last_number)
        while batch := list(numbered.filter(number__gt=number).values_list("number", "line")[:BATCH]):
            yield from (line for _, line in batch)
            number = batch[-1][0]


def fitting() -> "QuerySet[Checkpoint]":
    """The signed checkpoints whose event the log has, in its order. Those of an accepted gap are left out: other events have these numbers now."""
    event = Event.objects.filter(sequence=OuterRef("sequence"), digest=OuterRef("digest"))
    return Checkpoint.objects.signed().filter(Exists(event)).order_by("sequence", "number")


def log_key() -> CheckpointKey:
    """The key of the checkpoints. It also represents the log in the log. Raises: NotProved before the first checkpoint."""
    key = key_found()
    if key is None:
        raise NotProved("Nothing is signed yet: a worker signs the first checkpoint within a minute. Start the workers, then try again.")
    return key


def range_closed(first: int, last: int | None = None) -> ClosedRange:
    """The range from the event `first` to the checkpoint at the event `last` or the next one after it; without `last`, to the last checkpoint.

    It begins later if the log does. Raises: NotProved.
    """
    key = log_key()
    begin = Event.objects.filter(sequence__gte=first).order_by("sequence").first()
    newest = fitting().last()
    if begin is None or newest is None or newest.sequence < max(begin.sequence, last or 0):
        signed = f"The last signed event is {newest.sequence}." if newest else "No checkpoint fits the log: run `verify_audit`."
        raise NotProved(f"No checkpoint proves event {max(first, last or 0)}. {signed} Export an earlier range, or wait a minute.")
    end = fitting().filter(sequence__gte=max(begin.sequence, last)).first() if last is not None else newest
    start = fitting().filter(sequence__gte=begin.sequence).first()
    assert start is not None
    assert end is not None
    return ClosedRange(_header(key.zone, begin, end, key), end.digest, start.number, end.number)


def _header(zone: uuid.UUID, begin: Event, end: Checkpoint, key: CheckpointKey) -> Header:
    return Header(zone, begin.sequence, end.sequence, begin.previous, key_id(public_key_from(key.public_key)))
