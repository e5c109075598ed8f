"""What was done to an audit log after it was written: each kind of change by its name, from the events and the checkpoints alone."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pki.core import clocks
from pki.evidence.anchors import Anchors
from pki.evidence.checkpoints import Checkpoint
from pki.evidence.events import EventContent, Place, digest_of

MOST = 100  # findings
MOST_COMPARED = 200  # edited events, each with each
MOST_INSERTED = MOST_REMOVED = 1000  # in one place of a log whose other events have new numbers
SEARCHES = 50
ROUNDED = timedelta(seconds=1)  # a checkpoint has whole seconds


class FindingKind(StrEnum):
    CUT = "cut"
    EMPTIED = "emptied"
    EDITED = "edited"
    REORDERED = "reordered"
    INSERTED = "inserted"
    REMOVED = "removed"
    RECOMPUTED = "recomputed"
    OLDER_DATABASE = "older-database"
    FILE_MISSING = "file-missing"
    FILE_CHANGED = "file-changed"
    TABLE_DIFFERS = "table-differs"
    HEAD_DIFFERS = "head-differs"
    STOPPED = "stopped"


TEXTS = {
    FindingKind.CUT: "The audit log was cut at the end: {events} {are} missing",
    FindingKind.EMPTIED: "The audit log was emptied: {events} {are} missing",
    FindingKind.EDITED: "{events} {were} changed after being written",
    FindingKind.REORDERED: "{events} were put into another order",
    FindingKind.INSERTED: "{events} {were} inserted into the audit log, and not by the product",
    FindingKind.REMOVED: "{events} {were} removed from the audit log",
    FindingKind.RECOMPUTED: "The audit log was computed anew from event {first} on: it differs from what was signed",
    FindingKind.OLDER_DATABASE: "The database was replaced by an older one: {events} {are} missing",
    FindingKind.FILE_MISSING: "The file of checkpoints is missing",
    FindingKind.FILE_CHANGED: "The file of checkpoints was changed at line {first}",
    FindingKind.TABLE_DIFFERS: "The table of checkpoints differs from the file, from checkpoint {first} on",
    FindingKind.HEAD_DIFFERS: "The row with the end of the audit log is missing or wrong: it does not fit {events}",
    FindingKind.STOPPED: f"Reading stopped after {MOST} findings, at event {{first}}: later events were not verified",
}


@dataclass(frozen=True)
class Finding:
    """One change of a log, at the events `first` to `last`. `since` and `until`, if they are known, enclose the time in which these were written.

    FILE_CHANGED has numbers of lines, and TABLE_DIFFERS those of checkpoints.
    """

    kind: FindingKind
    first: int = 0
    last: int = 0
    since: datetime | None = None
    until: datetime | None = None

    @property
    def text(self) -> str:
        """One sentence for an administrator."""
        one = self.first == self.last
        events = f"event {self.first}" if one else f"events {self.first} to {self.last}"
        text = TEXTS[self.kind].format(events=events, first=self.first, are="is" if one else "are", were="was" if one else "were")
        if self.since and self.until:
            text += f" (from {clocks.stamp(self.since)} to {clocks.stamp(self.until)})"
        return f"{text[:1].upper()}{text[1:]}."


def examined(
    events: Iterable[EventContent],
    checkpoints: Iterable[Checkpoint],
    *,
    start: Place = Place(),  # noqa: B008  (immutable)
    head: Place | None = None,
    head_after: Callable[[], Place] | None = None,
    table: Place | None = None,
) -> list[Finding]:
    """The findings of a log, in the order of the events, at most about MOST, and then one of the kind STOPPED. It reads the checkpoints first, and then each event once.

    `start` is the place before the first event. By default, it is that of a whole log: its first event, or the first one that retention left.
    `head` is the row that has the end of the log, read before the events, and `head_after` reads it again: others may write meanwhile. A file has none.
    `table` is the place of the last checkpoint in the table, which a database that was replaced as a whole does not have beyond its log.
    """
    walk = _Walk(Anchors(checkpoints), start)
    walk.follow(events)
    if not walk.stopped:
        walk.compare_end(head, head_after() if head_after else head, table)
    return walk.findings()


def _digest(event: EventContent, **place: Any) -> str | None:
    """The digest of an event at another place; None if the event has a value that the product never writes, so that it fits nowhere."""
    try:
        return digest_of(event, **place)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


@dataclass(frozen=True)
class _Edited:
    """An event that does not fit its place, where an event with this digest was written after one with the digest `before`."""

    event: EventContent
    number: int
    before: str
    digest: str

    def belongs_to(self, other: "_Edited") -> bool:
        """Whether it was written in the place of `other`."""
        if _digest(self.event, sequence=other.number, previous=other.before) == other.digest:
            return True
        return _digest(self.event, sequence=other.number) == self.event.digest


def _with_following(events: Iterable[EventContent]) -> Iterator[tuple[EventContent, EventContent | None]]:
    before = None
    for event in events:
        if before is not None:
            yield before, event
        before = event
    if before is not None:
        yield before, None


class _Walk:
    """Follows the chain. Where it is broken, the digests on both sides say what was done, and it goes on behind that place.

    `place` is the last event, with the number that it was written with: this number and the present one differ by `shift` after events were inserted
    or removed and all later ones were given new numbers. A place is not `certain` if neither its event nor the next one proves its digest.
    """

    def __init__(self, anchors: Anchors, start: Place) -> None:
        self.anchors, self.start, self.place = anchors, start, start
        self.certain, self.shift, self.searches = True, 0, SEARCHES
        self.recent = OrderedDict({start.digest: start.sequence})  # digest → number
        self.next = anchors.first_after(start.sequence)
        self.fits: int | None = None  # the last anchor that fits
        self.differs: int | None = None  # the first anchor after it that does not
        self.newer: int | None = None  # the first of the last events that are later than all checkpoints
        self.at: datetime | None = None  # of the last event
        self.last_at = anchors.at(len(anchors) - 1) if len(anchors) else None
        self.found: list[Finding] = []
        self.edited: list[_Edited] = []
        self.stopped = False

    def follow(self, events: Iterable[EventContent]) -> None:
        for event, following in _with_following(events):
            if self.at is None and self.start == Place():
                self._begin(event)
            self._take(event, following)
            self.at = event.at
            if len(self.found) >= MOST:
                self.stopped = True
                self._add(FindingKind.STOPPED, event.sequence, event.sequence)
                return

    def _begin(self, event: EventContent) -> None:
        """A whole log begins with its first event, or where retention has come to."""
        if event.sequence > self.anchors.removed + 1:
            self._reach(Place(self.anchors.removed), certain=self.anchors.removed == 0)
        elif event.sequence > 1:
            self._reach(Place(event.sequence - 1, event.previous))

    def _take(self, event: EventContent, following: EventContent | None) -> None:
        number = event.sequence - self.shift
        if number <= self.place.sequence:
            self._take_late(event, number)
            return
        if number > self.place.sequence + 1:
            self._add(FindingKind.REMOVED, self.place.sequence + 1, number - 1, self.at, event.at)
            self._reach(Place(number - 1, event.previous), certain=False)
        fits = self._is_written_as(event, number) and (event.previous == self.place.digest or not self.certain)
        if fits and (following is None or following.previous == event.digest):
            self._reach(Place(number, event.digest), at=event.at)
        elif following is not None and self._is_inserted(event, following):
            return
        elif not fits and self._has_new_number(event, number, following):
            self._take(event, following)
        else:
            self._take_edited(event, number, following, fits)

    def _take_edited(self, event: EventContent, number: int, following: EventContent | None, fits: bool) -> None:
        """The next event names the digest that this one had, if that one is as it was written."""
        proved = following is not None and following.sequence == event.sequence + 1
        proved = proved and following is not None and self._is_written_as(following, following.sequence - self.shift)
        place = Place(number, following.previous if proved and following is not None else event.digest)
        if fits and not proved:  # the next event is the one that does not fit
            self._reach(place, at=event.at)
        elif fits and self.differs is not None:
            self._add_recomputed(number)
            self._reach(place)
        else:
            self._add(FindingKind.EDITED, number, number)
            if len(self.edited) < MOST_COMPARED:
                self.edited.append(_Edited(event, number, self.place.digest, place.digest))
            self._reach(place, certain=proved)

    def _take_late(self, event: EventContent, number: int) -> None:
        """Only lines of a file are not in the order of their numbers."""
        missing = [found for found in self.found if found.kind == FindingKind.REMOVED and found.first <= number <= found.last]
        if missing and self._is_written_as(event, number):
            self.found.remove(missing[0])
            self.found.append(replace(missing[0], kind=FindingKind.REORDERED, last=missing[0].last + 1))
        elif not any(found.kind == FindingKind.REORDERED and found.first <= number <= found.last for found in self.found):
            self._add(FindingKind.INSERTED, event.sequence, event.sequence)

    def _is_inserted(self, event: EventContent, following: EventContent) -> bool:
        """Whether the next event follows from an earlier one, without the events between them."""
        number = self.recent.get(following.previous)
        if number is None or not self._is_written_as(following, number + 1):
            return False
        if following.digest in (event.previous, event.digest) or following.digest in self.recent:  # it was moved, or is a copy
            return False
        self._add(FindingKind.INSERTED, number + 1 + self.shift, event.sequence)
        self.shift = following.sequence - (number + 1)
        self.place, self.certain = Place(number, following.previous), True
        self.next = self.anchors.first_after(number)
        if self.differs is not None and self.differs >= self.next:
            self.differs = None
        return True

    def _has_new_number(self, event: EventContent, number: int, following: EventContent | None) -> bool:
        """Whether events before this one were removed, and this one and the next ones were given their numbers."""
        if not self.searches or (following is not None and following.previous != event.digest):
            return False
        self.searches -= 1
        by = next((by for by in range(1, MOST_REMOVED) if self._is_written_as(event, number + by)), None)
        if by is None:
            return False
        self._add(FindingKind.REMOVED, number, number + by - 1, self.at, event.at)
        self.shift -= by
        self._reach(Place(number + by - 1, event.previous))
        return True

    def _is_written_as(self, event: EventContent, number: int) -> bool:
        return _digest(event, sequence=number) == event.digest

    def _reach(self, place: Place, *, certain: bool = True, at: datetime | None = None) -> None:
        self.place, self.certain = place, certain
        if certain:
            self.recent[place.digest] = place.sequence
            if len(self.recent) > MOST_INSERTED:
                self.recent.popitem(last=False)
        if at and self.last_at and at <= self.last_at + ROUNDED:
            self.newer = None
        elif at and self.newer is None:
            self.newer = place.sequence
        while self.next < len(self.anchors) and self.anchors.sequences[self.next] <= place.sequence:
            if certain and self.anchors.sequences[self.next] == place.sequence:
                self._compare(self.next, place)
            self.next += 1

    def _compare(self, index: int, place: Place) -> None:
        if self.anchors.place(index) == place:
            self.fits, self.newer = index, None
        elif self.differs is None and index >= self.anchors.accepted:
            self.differs = index

    def compare_end(self, head: Place | None, head_after: Place | None, table: Place | None) -> None:
        """Compare the end of the log with the row that has it, and with the checkpoints."""
        end, signed = self.place.sequence, self.anchors.last
        written = max(head.sequence if head else 0, signed)
        if self.at is None:
            if written > end:
                self._add(FindingKind.EMPTIED, max(end, self.anchors.removed) + 1, written)
            return
        known = self._fits_head(head, head_after) if not self.shift else True
        if self.shift == 0 and head and head.sequence > end and head.digest == self.place.digest:
            self._add(FindingKind.HEAD_DIFFERS, end, end)
        elif self.shift == 0 and head and head.sequence > end:
            self._add(FindingKind.CUT, end + 1, written, self.at, self.last_at)
            return
        left = self.differs if self.differs is not None else max(self.next, self.anchors.accepted)
        if left < len(self.anchors):
            self._compare_left(left, is_whole=head is not None and known, table=table)

    def _fits_head(self, head: Place | None, head_after: Place | None) -> bool:
        """Whether the row has the end of this log, which may have gone on meanwhile."""
        end = self.place
        if head is None or head_after is None or head.sequence > end.sequence:
            return False
        proved = self.anchors.sequences[self.fits] if self.fits is not None else 0
        if 0 < head_after.sequence < end.sequence and head_after.sequence >= proved:
            self.found = [found for found in self.found if found.first <= head_after.sequence]
            self._add(FindingKind.INSERTED, head_after.sequence + 1, end.sequence)
            return False
        if head_after.sequence < end.sequence or any(
            row.sequence == end.sequence and row.digest != end.digest for row in (head, head_after)
        ):
            is_edited = self.found and self.found[-1].kind == FindingKind.EDITED and self.found[-1].last == end.sequence
            if self.differs is None and not is_edited:  # if the log was computed anew, the row is right
                self._add(FindingKind.HEAD_DIFFERS, end.sequence, end.sequence)
            return False
        return True

    def _compare_left(self, left: int, *, is_whole: bool, table: Place | None) -> None:
        """The checkpoints from `left` on do not fit: the log lost its end, and may have gone on since, or it was computed anew."""
        end, signed = self.place.sequence, self.anchors.last
        remains = self.newer - 1 if self.newer is not None else end  # without what was written after the last checkpoint
        if remains >= self.anchors.sequences[left]:
            self._add_recomputed(end)
        elif remains <= self.start.sequence:
            self._add(FindingKind.EMPTIED, remains + 1, signed)
        else:
            is_older = is_whole and (table is None or table.sequence <= remains)
            since = self.anchors.at(self.fits) if self.fits is not None else self.at
            self._add(FindingKind.OLDER_DATABASE if is_older else FindingKind.CUT, remains + 1, signed, since, self.last_at)

    def _add_recomputed(self, last: int) -> None:
        first = self.anchors.sequences[self.fits] if self.fits is not None else self.start.sequence
        since = self.anchors.at(self.fits) if self.fits is not None else None
        until = self.anchors.at(self.differs) if self.differs is not None else None
        self._add(FindingKind.RECOMPUTED, first + 1, last, since, until)
        self.differs = None

    def _add(self, kind: FindingKind, first: int, last: int, since: datetime | None = None, until: datetime | None = None) -> None:
        before = self.found[-1] if self.found else None
        if before and kind == before.kind == FindingKind.EDITED and first <= before.last + 1:
            self.found[-1] = replace(before, last=last)
        else:
            self.found.append(Finding(kind, first, last, since, until))

    def findings(self) -> list[Finding]:
        """What was found. Edited events that were written in the places of each other are reordered."""
        moved = [event.number for event in self.edited if any(event.belongs_to(other) for other in self.edited if other is not event)]
        found = self.found
        if moved:
            found = [
                one
                for one in found
                if not (one.kind == FindingKind.EDITED and all(number in moved for number in range(one.first, one.last + 1)))
            ]
            found.append(Finding(FindingKind.REORDERED, min(moved), max(moved)))
        return sorted(found, key=lambda one: (one.kind == FindingKind.STOPPED, one.first))
