"""Sign the end of the log, and accept a gap in it. docs/develop/audit.md has the steps, and what can fail at each."""

from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from audit.actors import Actor
from audit.chain import last_place
from audit.checkpoints.copies import Copies
from audit.checkpoints.file import PATIENCE, checkpoint_file, file_held, file_make, file_replace, file_size, line_append, public_key_file
from audit.checkpoints.key import key_found, key_make, private_key, public_key_known, public_key_write, zone_here
from audit.checkpoints.look import MOST_AT_ONCE, Extended, extension, findings_record, log_verify
from audit.checkpoints.models import GAP_ACCEPTED
from audit.models import Checkpoint as Row
from audit.models import CheckpointKey, Event, Head
from audit.models import Finding as Found
from audit.record import record
from pki.evidence.checkpoints import Checkpoint, Gap, Removed, line_digest, public_key_from, signed
from pki.evidence.events import Place
from pki.evidence.findings import Finding, FindingKind
from sealing.errors import ZoneBroken, ZoneMissing

PERMISSION = "audit.accept_gap"
# No signature makes these whole.
IN_THE_LOG = {FindingKind.EDITED, FindingKind.REORDERED, FindingKind.INSERTED, FindingKind.REMOVED, FindingKind.STOPPED}
SAID = 3  # findings, in the signed line
EACH, LOOK_AGAIN = timedelta(minutes=1), timedelta(hours=1)
PATIENCE_TO_SIGN = timedelta(minutes=10)


class CheckpointRefused(Exception):
    """The log does not extend its last checkpoint, so nothing is signed. The text says what was found. `known`: by an earlier look already."""

    def __init__(self, texts: list[str], *, known: bool = False) -> None:
        super().__init__(" ".join(texts))
        self.known = known


class NothingToAccept(Exception):
    """The log extends its last checkpoint, so it has no gap."""


def checkpoint_sign(*, now: datetime, removed: Removed | None = None) -> Row | None:
    """Sign what was written since the last checkpoint, at most `MOST_AT_ONCE` events; None if there is nothing new.

    It verifies first that the log extends the last line of the file. None on a machine that is not the central node, and before `init` is complete.
    With `removed`, the checkpoint also states what retention is about to remove.
    Raises: CheckpointRefused; InUse if another process has the file; TrustZoneError, PKIError, OSError. Not in a transaction.
    """
    if not checkpoint_file().exists() and zone_here() is None:
        return None
    with file_held(now=now):
        key = _key_ensure(now=now)
        if key is None:
            return None
        extended = _extension(key, now=now)
        if extended.record and extended.last:
            _row_write(extended.last, extended.line)  # the last worker ended before it did
        if extended.end == (extended.last.place if extended.last else Place()) and removed is None:
            return None
        following = _following(key, extended.last, extended.line, now=now)
        return _sign(key, replace(following, sequence=extended.end.sequence, digest=extended.end.digest, removed=removed))


def checkpoint_is_due(*, now: datetime) -> bool:
    """Whether the last checkpoint is older than a minute, was dated by a clock that was ahead, or leaves so many events that more wait."""
    last = Row.objects.signed().last()
    return last is None or not now - EACH < last.at <= now or last_place().sequence - last.sequence >= MOST_AT_ONCE


def unsigned_after(*, now: datetime) -> int | None:
    """The last signed event if the next one waits for longer than `PATIENCE_TO_SIGN`; None if none does, or before the first checkpoint."""
    following = Event.objects.filter(sequence=OuterRef("sequence") + 1, at__lt=now - PATIENCE_TO_SIGN)
    last = Row.objects.signed().values_list("sequence", Exists(following)).last()
    return last[0] if last and last[1] else None


def _key_ensure(*, now: datetime) -> CheckpointKey | None:
    """The key. It is made if the site has no checkpoint at all: neither a line, a row nor a public key. The file is there before the key, so a file is
    missing only if it was lost."""
    key = key_found()
    if public_key_file().exists() or file_size() or Row.objects.exists():
        if key is None and zone_here() is not None:
            raise _refused(log_verify().findings, now=now)
        return key
    if key is None and zone_here() is not None:
        file_make()
        key = key_make(now=now)
    if key is not None:
        public_key_write(key)
    return key


def _extension(key: CheckpointKey, *, now: datetime) -> Extended:
    """Raises: CheckpointRefused. The whole log is read to say what was found, but not again within an hour."""
    found = extension(key)
    if isinstance(found, Extended):
        findings_record(Found.Look.NEW, [], now=now)
        return found
    known = Found.objects.filter(look=Found.Look.NEW, at__gt=now - LOOK_AGAIN, at__lte=now)
    if texts := list(known.values_list("text", flat=True)):
        raise CheckpointRefused(texts, known=True)
    raise _refused(log_verify().findings or found, now=now)


def _refused(findings: list[Finding], *, now: datetime) -> CheckpointRefused:
    findings_record(Found.Look.NEW, findings, now=now)
    return CheckpointRefused([found.text for found in findings])


def _following(key: CheckpointKey, last: Checkpoint | None, line: str, *, now: datetime) -> Checkpoint:
    """The checkpoint after `last`, of the same place."""
    at = now.replace(microsecond=0)
    if last is None:
        return Checkpoint(key.zone, 1, 0, "", at, "")
    return Checkpoint(key.zone, last.number + 1, last.sequence, last.digest, at, line_digest(line))


def _sign(key: CheckpointKey, checkpoint: Checkpoint) -> Row:
    """Write the row, sign, append the line to the file, and put it into the row."""
    private = private_key(key)
    _row_write(checkpoint, "")
    line = signed(checkpoint, private)
    line_append(line)
    return _row_write(checkpoint, line)


def _row_write(checkpoint: Checkpoint, line: str) -> Row:
    facts = {"sequence": checkpoint.sequence, "digest": checkpoint.digest, "at": checkpoint.at, "line": line}
    row, _ = Row.objects.update_or_create(number=checkpoint.number, defaults=facts)
    return row


def audit_gap_accept(*, actor: Actor, reason: str, now: datetime) -> Row:
    """Sign that the log goes on from where it is now, although it does not extend the last checkpoint. Returns the checkpoint that says so, for ever,
    with the reason and what was found.

    File and table get the lines that one of them still has, and the new one. A file with other lines is kept beside the new one. The rows are committed
    before the file is written: if that fails, the file lacks a line of the table, and accepting again keeps this line.
    Raises: PermissionRefused, NothingToAccept, InUse, TrustZoneError, PKIError, OSError.
    """
    actor.require(PERMISSION)
    if zone_here() is None:
        raise ZoneBroken("This machine is not the central node of a trust zone. Accept the gap on the central node.")
    with file_held(now=now, wait=PATIENCE):
        key, found = key_found(), log_verify().findings
        if key and isinstance(extension(key), Extended):
            _refuse_needless(found)
        if key is None:
            key = _key_anew(now=now)
        text = public_key_known()
        kept = list(Copies(public_key_from(text), text).signed())
        last, line = kept[-1] if kept else (None, "")
        before = last.place if last else Place()
        private = private_key(key)  # before anything is changed
        with transaction.atomic():
            after = _head_mend()
            detail = {"reason": reason, "before": before.sequence, "after": after.sequence}
            event = record(actor=actor, action=GAP_ACCEPTED, target=key, detail=detail, now=now)
            said = " ".join([f"{reason.rstrip('.')}. Found:", *(one.text for one in found[:SAID])])
            gap = Gap(said, actor.label, before, after)
            following = replace(_following(key, last, line, now=now), sequence=event.sequence, digest=event.digest, gap=gap)
            kept.append((following, signed(following, private)))
            _rows_replace(kept)
            CheckpointKey.objects.update(public_key=text)
            Found.objects.all().delete()
        file_replace(checkpoint_file(), "".join(f"{line}\n" for _, line in kept).encode(), now=now)
    return Row.objects.get(number=following.number)


def _key_anew(*, now: datetime) -> CheckpointKey:
    """A new key in place of one whose row is lost, if the files are not here any more: the lines that the old one signed have no successor. Raises: ZoneBroken."""
    folder = checkpoint_file().parent
    if file_size() or public_key_file().exists():
        raise ZoneBroken(
            "The row of the audit log's key is missing in the database. Restore the site from a backup. Without a backup, move the files in "
            f"{folder} to a place where auditors find them, and run this again: the log gets a new key, and its checkpoints begin with number 1."
        )
    file_make()
    key = key_make(now=now)
    if key is None:
        raise ZoneMissing
    public_key_write(key)
    return key


def _refuse_needless(findings: list[Finding]) -> None:
    """Raises: NothingToAccept if the log extends its last checkpoint, and file and table are whole."""
    if all(found.kind in IN_THE_LOG for found in findings):
        texts = [found.text for found in findings]
        more = ["A gap would not change what was found in the log itself:", *texts] if texts else ["There is no gap to accept."]
        raise NothingToAccept(" ".join(["The audit log extends its last checkpoint, so workers sign it.", *more]))


def _head_mend() -> Place:
    """Lock the row of the end, let it name the last event that there is, and return this place. Otherwise the next event would not follow from it."""
    Head.objects.select_for_update().get_or_create(pk=1)
    last = last_place()
    Head.objects.filter(pk=1).update(sequence=last.sequence, digest=last.digest)
    return last


def _rows_replace(kept: list[tuple[Checkpoint, str]]) -> None:
    Row.objects.all().delete()
    Row.objects.bulk_create(
        (Row(number=one.number, sequence=one.sequence, digest=one.digest, at=one.at, line=line) for one, line in kept), batch_size=1000
    )
