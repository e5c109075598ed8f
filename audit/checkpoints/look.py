"""Verify the log in the database against its checkpoints: the whole log, or what is new in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.db import transaction

from audit.chain import events_after, head_place
from audit.checkpoints.copies import Copies
from audit.checkpoints.file import checkpoint_file, file_end, file_size
from audit.checkpoints.key import key_found, public_key_known
from audit.checkpoints.models import GAP_ACCEPTED
from audit.models import Checkpoint as Row
from audit.models import CheckpointKey, Event, Head
from audit.models import Finding as Found
from pki.core.errors import CheckpointMalformed
from pki.evidence.checkpoints import Checkpoint, chain_of, public_key_from
from pki.evidence.events import EventContent, Place
from pki.evidence.findings import Finding, FindingKind, examined

MOST_AT_ONCE = 20_000  # events between two checkpoints: about a second of a worker
SHOWN_EACH = 1000


@dataclass
class VerifiedLog:
    """The whole log, its file and its table. `end` is the last event. `decided` are the checkpoints that accepted a gap or state a removal. They are no findings."""

    events: int = 0
    end: int = 0
    first: Checkpoint | None = None
    last: Checkpoint | None = None
    decided: list[Checkpoint] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def stopped(self) -> bool:
        """Whether there were too many findings to read all events."""
        return any(found.kind == FindingKind.STOPPED for found in self.findings)


def log_verify(progress: Callable[[int], None] = lambda verified: None) -> VerifiedLog:
    """Read every event, the file and the table. It trusts no mark. `progress` gets the number of verified events. Raises: PKIError, OSError."""
    verified, text = VerifiedLog(), public_key_known()
    copies = Copies(public_key_from(text), text) if text else None

    def checkpoints() -> Iterator[Checkpoint]:
        for checkpoint, _ in copies.signed() if copies else ():
            verified.first, verified.last = verified.first or checkpoint, checkpoint
            if checkpoint.text:
                verified.decided.append(checkpoint)
            yield checkpoint

    def events() -> Iterator[EventContent]:
        for event in events_after(0):
            verified.events, verified.end = verified.events + 1, event.sequence
            if verified.events % SHOWN_EACH == 0:
                progress(verified.events)
            yield event

    newest = Row.objects.signed().last()
    table = Place(newest.sequence, newest.digest) if newest else None
    head = head_place()
    known = head if head.sequence else None  # the row can be deleted
    found = examined(events(), checkpoints(), head=known, head_after=head_place if known else None, table=table)
    if known is None and verified.events and not found:
        found = [Finding(FindingKind.HEAD_DIFFERS, verified.end, verified.end)]
    if any(one.kind is FindingKind.REMOVED for one in found):
        removed = _removed_now(text)
        found = [one for one in found if one.kind is not FindingKind.REMOVED or one.last > removed]
    verified.findings = [*found, *(copies.findings(found) if copies else _without_key())]
    return verified


def _removed_now(text: str) -> int:
    """The event up to which a signed checkpoint states the removal by now: retention may have begun it while the events were read."""
    signed = Copies(public_key_from(text), text).signed() if text else ()
    return max((checkpoint.removed.sequence for checkpoint, _ in signed if checkpoint.removed), default=0)


def _without_key() -> Iterator[Finding]:
    """A site without a key has never had a checkpoint, so it has no line and no row."""
    rows = Row.objects.count()
    if rows or file_size():
        yield Finding(FindingKind.TABLE_DIFFERS, 1, max(1, rows))


@dataclass(frozen=True)
class Extended:
    """The log extends its last checkpoint: `line` has it, and `end` is the last verified event. `record`: the table does not have the line yet."""

    last: Checkpoint | None
    line: str
    end: Place
    record: bool


def extension(key: CheckpointKey) -> Extended | list[Finding]:
    """What a new checkpoint would state, or what is in its way: at most `MOST_AT_ONCE` events are read.

    The caller holds the file. A finding here is a sign only: `log_verify` says what was done. Raises: PKIError, OSError.
    """
    if not checkpoint_file().exists():
        return [Finding(FindingKind.FILE_MISSING)]
    if key.public_key != (known := public_key_known()):
        return [Finding(FindingKind.TABLE_DIFFERS, 1, 1)]
    lines = file_end(2)
    newest = Row.objects.signed().last()
    try:
        ends = list(chain_of(lines, public_key_from(known)))
    except CheckpointMalformed:
        return [Finding(FindingKind.FILE_CHANGED)]
    last = ends[-1] if ends else None
    record = last is not None and (newest is None or newest.number < last.number)
    if (found := _table_differs(newest, ends, lines)) is not None:
        return [found]
    start = last.place if last else Place()
    if start.sequence and not _is_there(last):
        return [Finding(FindingKind.CUT, start.sequence, start.sequence)]
    head = head_place()
    if head.sequence < start.sequence:
        return [Finding(FindingKind.HEAD_DIFFERS, start.sequence, start.sequence)]
    events = list(islice(events_after(start.sequence), MOST_AT_ONCE))
    whole = len(events) < MOST_AT_ONCE
    found_in_log = examined(events, [], start=start, head=head if whole else None, head_after=head_place if whole else None)
    end = Place(events[-1].sequence, events[-1].digest) if events else start
    return found_in_log or Extended(last, lines[-1] if lines else "", end, record)


def _table_differs(newest: Row | None, ends: list[Checkpoint], lines: list[str]) -> Finding | None:
    """The newest row has the last line, or the one before it: the worker can end before it writes a row."""
    numbers = {checkpoint.number: line for checkpoint, line in zip(ends, lines, strict=True)}
    last = ends[-1].number if ends else 0
    if newest is None:
        return Finding(FindingKind.TABLE_DIFFERS, 1, last) if last > 1 else None
    if newest.number > last:
        return Finding(FindingKind.FILE_CHANGED, last + 1, newest.number)
    if numbers.get(newest.number) != newest.line:
        return Finding(FindingKind.TABLE_DIFFERS, newest.number, last)
    return None


def _is_there(last: Checkpoint | None) -> bool:
    """Whether the log has the event of its last checkpoint, unless retention has removed it with the ones before."""
    if last is None or (last.removed and last.removed.sequence == last.sequence):
        return True
    return Event.objects.filter(sequence=last.sequence, digest=last.digest).exists()


def log_extended() -> Extended | list[Finding]:
    """`extension` for a caller that signs nothing. Without a key, nothing was signed. Raises: PKIError, OSError."""
    key = key_found()
    return extension(key) if key else []


def findings_record(look: Found.Look, findings: list[Finding], *, now: datetime) -> None:
    """Keep what a look has found, in place of what an earlier look of the same kind had."""
    before = Found.objects.filter(look=look)
    if findings or before.exists():
        before.delete()
        facts = [{name: getattr(found, name) for name in ("kind", "first", "last", "since", "until", "text")} for found in findings]
        Found.objects.bulk_create(Found(look=look, at=now, **fact) for fact in facts)


def log_look(progress: Callable[[int], None] = lambda verified: None, *, now: datetime) -> VerifiedLog:
    """Verify everything and keep what was found. If a gap was accepted meanwhile, it reads again. Raises: PKIError, OSError."""
    while True:
        accepted, verified = _last_gap(), log_verify(progress)
        with transaction.atomic():
            Head.objects.select_for_update().filter(pk=1).first()  # no gap is accepted before the findings are committed
            if _last_gap() == accepted:
                findings_record(Found.Look.WHOLE, verified.findings, now=now)
                return verified


def _last_gap() -> int | None:
    return Event.objects.filter(action=GAP_ACCEPTED).values_list("sequence", flat=True).first()
