"""The places that checkpoints state, in the order of the log. Each takes 48 bytes, because a log has one for each minute in which it was written."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime

from pki.evidence.checkpoints import Checkpoint
from pki.evidence.events import Place

SIZE = 32  # bytes of a digest


class Anchors:
    """The places of checkpoints.

    An accepted gap replaces the places after the event where the log goes on. The places before it, `accepted` in number, need not fit, because the
    signed statement of the gap has the digest of that event, which covers all events before it.
    """

    def __init__(self, checkpoints: Iterable[Checkpoint]) -> None:
        self.sequences, self._times, self._digests = array("Q"), array("q"), bytearray()
        self.accepted = 0
        self.removed = 0  # retention has removed the events up to this one, or does it now
        for checkpoint in checkpoints:
            if checkpoint.gap:
                self._replace_after(checkpoint.gap.after, checkpoint.at)
            if checkpoint.removed:
                self.removed = max(self.removed, checkpoint.removed.sequence)
            self._add(checkpoint.place, checkpoint.at)

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def last(self) -> int:
        """The sequence number of the last place, 0 if there is none."""
        return self.sequences[-1] if self.sequences else 0

    def place(self, index: int) -> Place:
        return Place(self.sequences[index], self._digests[index * SIZE : (index + 1) * SIZE].hex())

    def at(self, index: int) -> datetime:
        return datetime.fromtimestamp(self._times[index], UTC)

    def first_after(self, sequence: int) -> int:
        """The index of the first place after this event."""
        return bisect_right(self.sequences, sequence)

    def _replace_after(self, after: Place, at: datetime) -> None:
        self.accepted = bisect_left(self.sequences, after.sequence)
        del self.sequences[self.accepted :], self._times[self.accepted :], self._digests[self.accepted * SIZE :]
        self._add(after, at)

    def _add(self, place: Place, at: datetime) -> None:
        if place.sequence:
            self.sequences.append(place.sequence)
            self._times.append(int(at.timestamp()))
            self._digests += bytes.fromhex(place.digest)
