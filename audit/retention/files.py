"""The files of segments, on the central node."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from agent.files import make_folder, open_to_write, sync_folder
from audit.checkpoints.file import checkpoint_file
from audit.checkpoints.key import public_key_known
from audit.models import Segment
from pki.core.errors import ExportMalformed
from pki.evidence.checkpoints import public_key_from
from pki.evidence.exported import lines_of, verified


class FileDamaged(Exception):
    """The file of a segment does not prove its events."""


@dataclass(frozen=True)
class Written:
    """The SHA-256 of a file, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Proved(Written):
    """A file that proves its events: the `digest` of the last one, and the time `at` of the checkpoint that states it."""

    digest: str
    at: datetime


def segment_file(segment: Segment) -> Path:
    """The path of the file."""
    return checkpoint_file().parent / "segments" / segment.file_name


def segment_write(segment: Segment, lines: Iterable[str]) -> None:
    """Write the file in one step, and return when it is on the disk. Raises: OSError."""
    path = segment_file(segment)
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(open_to_write(temporary, os.O_TRUNC, shared=False), "w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def segment_read(segment: Segment) -> Written:
    """The SHA-256 of the file. Raises: FileDamaged if there is no file, OSError."""
    path, digest = segment_file(segment), hashlib.sha256()
    try:
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
            return Written(digest.hexdigest(), file.tell())
    except FileNotFoundError as exc:
        raise FileDamaged(f"The file {path} is missing.") from exc


def segment_verify(segment: Segment) -> Proved:
    """Verify the events from the file alone, with the public key outside the database. Raises: FileDamaged, PKIError, OSError."""
    path, before = segment_file(segment), segment_read(segment)
    key = public_key_from(public_key_known())
    try:
        with path.open(newline="\n", encoding="utf-8", errors="replace") as file:
            found = verified(lines_of(file), key)
    except ExportMalformed as exc:
        raise FileDamaged(f"{exc} The file is {path}.") from exc
    if found.findings:
        raise FileDamaged(f"{' '.join(finding.text for finding in found.findings)} The file is {path}. Run `verify_audit`.")
    if (found.header.first, found.header.last) != (segment.first, segment.last):
        raise FileDamaged(f"The file {path} has the events {found.header.first} to {found.header.last}. Write it again.")
    end = found.checkpoints[-1]
    return Proved(**asdict(before), digest=end.digest, at=end.at)
