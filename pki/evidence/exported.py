"""A file of a range of an audit log, which proves itself: JSON lines with a header, the checkpoints of the range, and its events.

The last event is that of the last checkpoint, so a checkpoint proves each event of the file. What selects events by anything else proves nothing about
what is missing, and its first line says so.
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pki.core.errors import CheckpointMalformed, EventMalformed, ExportMalformed
from pki.evidence.checkpoints import Checkpoint, chain_of, key_id
from pki.evidence.events import LARGEST_LINE, EventContent, Place, RecordedEvent, canonical, event_line
from pki.evidence.findings import Finding, FindingKind, examined

FORMAT, SELECTION, VERSION = "audit-log", "audit-log-selection", 1
PROVES_NOTHING = "A selection of events. It proves nothing about what is missing."
CHECKPOINT = '{"checkpoint":'
NO_EXPORT = "This file is not an export of an audit log. Export a range of sequence numbers, and give that file."


@dataclass(frozen=True)
class Header:
    """The first line: the trust zone, the range, the digest before its first event, and the RFC 7638 thumbprint of the key of the checkpoints."""

    zone: uuid.UUID
    first: int
    last: int
    previous: str
    key: str

    @property
    def line(self) -> str:
        return canonical(
            {"format": FORMAT, "version": VERSION, "zone": str(self.zone), "first": self.first, "last": self.last}
            | {"previous": self.previous, "key": self.key}
        )

    @classmethod
    def from_line(cls, line: str) -> "Header":
        """Raises: ExportMalformed, saying what to do."""
        text = line.removesuffix("\n")
        try:
            content: dict[str, Any] = json.loads(text)
            made = cls(uuid.UUID(content["zone"]), content["first"], content["last"], content["previous"], content["key"])
            if made.line == text and type(made.first) is type(made.last) is int and 1 <= made.first <= made.last:
                return made
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        if PROVES_NOTHING in text[:1000]:
            raise ExportMalformed(f"{PROVES_NOTHING} Export a range of sequence numbers, and give that file.", line=1)
        raise ExportMalformed(NO_EXPORT, line=1)


def selection_line(filters: dict[str, str]) -> str:
    """The first line of events that were selected by `filters`, as JSON."""
    return canonical({"format": SELECTION, "version": VERSION, "note": PROVES_NOTHING, "filters": filters})


def export_lines(header: Header, checkpoints: Iterable[str], events: Iterable[EventContent]) -> Iterator[str]:
    """The lines of the file, with line breaks. `checkpoints` are lines of the file of checkpoints, one following from the other."""
    yield f"{header.line}\n"
    for line in checkpoints:
        yield f"{canonical({'checkpoint': line})}\n"
    for event in events:
        yield f"{event_line(event)}\n"


def lines_of(file: IO[str]) -> Iterator[str]:
    """The lines of a file that was opened with `newline="\\n"`, none much longer than an event can be."""
    while line := file.readline(LARGEST_LINE + 2):
        yield line


@dataclass
class VerifiedFile:
    """What the lines of a file prove. `checkpoints` are those with a decision of a person (`text`), and the last one."""

    header: Header
    checkpoints: list[Checkpoint]
    findings: list[Finding]


def verified(lines: Iterable[str], public_key: Ed25519PublicKey) -> VerifiedFile:
    """Verify a file, reading each line once. Raises: ExportMalformed for a file that is no export, or has a line that is neither event nor checkpoint."""
    numbered = enumerate(lines, 1)
    header = Header.from_line(next(numbered, (1, ""))[1])
    if header.key != key_id(public_key):
        raise ExportMalformed("The checkpoints of this file were signed with another key. Give the public key of this site.", line=1)
    reader = _Reader(numbered, header, public_key)
    found = examined(reader.events(), reader.checkpoints(), start=Place(header.first - 1, header.previous))
    return VerifiedFile(header, reader.kept, found or list(reader.outside()))


class _Reader:
    """The lines after the header: first all checkpoints, then all events."""

    def __init__(self, numbered: Iterator[tuple[int, str]], header: Header, public_key: Ed25519PublicKey) -> None:
        self.numbered, self.header, self.public_key = numbered, header, public_key
        self.number, self.line = 1, ""
        self.kept: list[Checkpoint] = []
        self.first = self.last = 0  # sequence numbers of events

    def _advance(self) -> str:
        """The next line, "" after the last one."""
        self.number, self.line = next(self.numbered, (self.number, ""))
        return self.line

    def _checkpoint_lines(self) -> Iterator[str]:
        while self._advance().startswith(CHECKPOINT):
            try:
                line = json.loads(self.line)["checkpoint"]
                if not isinstance(line, str) or f"{canonical({'checkpoint': line})}\n" != self.line:
                    raise ValueError("it has another form")
            except (ValueError, TypeError, KeyError, RecursionError) as exc:
                raise self._malformed("is not a checkpoint") from exc
            yield line

    def checkpoints(self) -> Iterator[Checkpoint]:
        try:
            for checkpoint in chain_of(self._checkpoint_lines(), self.public_key):
                if checkpoint.zone != self.header.zone:
                    raise self._malformed("is a checkpoint of another trust zone")
                if self.kept and not self.kept[-1].text:
                    self.kept.pop()
                self.kept.append(checkpoint)
                yield checkpoint
        except CheckpointMalformed as exc:
            raise self._malformed("is not the next checkpoint that this key signed") from exc
        if not self.kept or self.kept[-1].sequence != self.header.last:
            raise ExportMalformed(
                f"The checkpoint of event {self.header.last}, the last one, is missing, so nothing proves it. Export the range again."
            )

    def events(self) -> Iterator[RecordedEvent]:
        while self.line:
            try:
                event = RecordedEvent.from_line(self.line)
            except EventMalformed as exc:
                raise self._malformed("is not an event") from exc
            self.first, self.last = self.first or event.sequence, event.sequence
            yield event
            self._advance()

    def outside(self) -> Iterator[Finding]:
        """What the range of the header and the events differ in."""
        if self.first > self.header.first:
            yield Finding(FindingKind.REMOVED, self.header.first, self.first - 1)
        if self.last > self.header.last:
            yield Finding(FindingKind.INSERTED, self.header.last + 1, self.last)

    def _malformed(self, what: str) -> ExportMalformed:
        text = f"Line {self.number} of this file {what}: it was changed after the export, or its download was not complete. Export the range again."
        return ExportMalformed(text, line=self.number)
