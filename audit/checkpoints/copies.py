"""The two copies of the checkpoints on this machine, compared: the file and the table."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit.checkpoints.file import checkpoint_file, file_lines, file_size
from audit.models import Checkpoint as Row
from audit.models import CheckpointKey
from pki.core.errors import CheckpointMalformed
from pki.evidence.checkpoints import Checkpoint, chain_of
from pki.evidence.findings import Finding, FindingKind

BATCH = 1000


@dataclass
class _Range:
    """Consecutive checkpoints that one of the copies does not have as the other one does."""

    first: Checkpoint | None = None
    last: Checkpoint | None = None

    def add(self, checkpoint: Checkpoint) -> None:
        self.first, self.last = self.first or checkpoint, checkpoint

    def found(self, kind: FindingKind) -> Iterator[Finding]:
        if self.first and self.last:
            yield Finding(kind, self.first.number, self.last.number, self.first.at, self.last.at)


@dataclass
class Copies:
    """The lines that this key signed (`text` is its PEM), each one following from the one before it: for each number that of the file, else that of the table.

    `signed` goes through them once. After that, `findings` says what the copies lack. A line that the file has and the table does not is no
    finding if it is the last one: a worker ended before it wrote the row.
    """

    key: Ed25519PublicKey
    text: str
    in_table: int = field(init=False)
    in_file: int = 0
    _size: int = field(init=False)
    _missing: bool = field(init=False)
    _own_key: bool = field(init=False)
    _file: _Range = field(default_factory=_Range)
    _table: _Range = field(default_factory=_Range)
    _broken: Finding | None = None

    def __post_init__(self) -> None:
        # The table first: a checkpoint that is signed meanwhile can be in the file alone, and never in the table alone.
        self.in_table = Row.objects.signed().values_list("number", flat=True).last() or 0
        self._own_key = CheckpointKey.objects.filter(public_key=self.text).exists()
        self._size, self._missing = file_size(), not checkpoint_file().exists()

    def signed(self) -> Iterator[tuple[Checkpoint, str]]:
        rows = Row.objects.signed().filter(number__lte=self.in_table).iterator(BATCH)
        row, before, lines = next(rows, None), None, file_lines(self._size)
        for number, line in enumerate(_endless(lines), 1):
            while row and row.number < number:
                row = next(rows, None)
            own = row if row and row.number == number else None
            if line is None and row is None:
                return
            found = self._chosen(before, line, own.line if own else None)
            if found is None:
                kind = FindingKind.TABLE_DIFFERS if line is None else FindingKind.FILE_CHANGED
                self._broken = Finding(kind, number, number)
                return
            checkpoint, chosen = before = found
            if line == chosen:
                self.in_file = number
            else:
                self._file.add(checkpoint)
            if not self._own_key or (number <= self.in_table and (own is None or not _same(own, checkpoint, chosen))):
                self._table.add(checkpoint)
            yield found

    def _chosen(self, before: tuple[Checkpoint, str] | None, *lines: str | None) -> tuple[Checkpoint, str] | None:
        for line in dict.fromkeys(lines):
            if line:
                try:
                    (checkpoint,) = chain_of([line], self.key, after=before)
                except CheckpointMalformed:
                    continue
                if before or checkpoint.number == 1:
                    return checkpoint, line
        return None

    def findings(self, in_log: list[Finding]) -> Iterator[Finding]:
        """What the file and the table lack. An older database, found `in_log`, explains that its table lacks what is newer."""
        if self._missing:
            yield Finding(FindingKind.FILE_MISSING, 1, self.in_table)
        else:
            yield from self._file.found(FindingKind.FILE_CHANGED)
        yield from self._table.found(FindingKind.TABLE_DIFFERS)
        if self._own_key and self.in_file > self.in_table + 1 and not any(found.kind is FindingKind.OLDER_DATABASE for found in in_log):
            yield Finding(FindingKind.TABLE_DIFFERS, self.in_table + 1, self.in_file)
        if self._broken:
            yield self._broken


def _same(row: Row, checkpoint: Checkpoint, line: str) -> bool:
    return (row.line, row.sequence, row.digest, row.at) == (line, checkpoint.sequence, checkpoint.digest, checkpoint.at)


def _endless(lines: Iterator[str]) -> Iterator[str | None]:
    yield from lines
    while True:
        yield None
