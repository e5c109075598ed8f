"""The file of checkpoints: it is outside the database, and only appended to. Each line is a checkpoint."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from agent.files import InUse, exclusive_lock, make_folder, open_to_write, replace, sync_folder
from pki.evidence.checkpoints import LARGEST_LINE

NO_WAIT, PATIENCE = timedelta(0), timedelta(minutes=2)
TRY_AGAIN_S = 0.2


def checkpoint_file() -> Path:
    """The path of the file."""
    return Path(settings.QMC_DATA_DIR) / "audit" / "checkpoints"


def public_key_file() -> Path:
    """The path of the public key, PEM. It is outside the database, so write access to the database is not enough to replace the key."""
    return checkpoint_file().with_name("public-key.pem")


@contextmanager
def file_held(*, now: datetime, wait: timedelta = NO_WAIT) -> Iterator[None]:
    """Lock out other processes that sign, accept a gap or copy the file. Raises: InUse if one has the lock for longer than `wait`, OSError."""
    folder = checkpoint_file().parent
    _make_private(folder)
    deadline = time.monotonic() + wait.total_seconds()
    with ExitStack() as stack:
        while not _taken(stack, folder / "lock", now=now, deadline=deadline):
            time.sleep(TRY_AGAIN_S)
        yield


def _taken(stack: ExitStack, lock: Path, *, now: datetime, deadline: float) -> bool:
    try:
        stack.enter_context(exclusive_lock(lock, now=now, shared=False))
    except InUse:
        if time.monotonic() >= deadline:
            raise
        return False
    _owned_as(lock, lock.parent)
    return True


def _make_private(folder: Path) -> None:
    """Make the folder, which only the account of the workers can read."""
    if not folder.is_dir():
        make_folder(folder)
        folder.chmod(0o700)
        _owned_as(folder, folder.parent)


def _owned_as(path: Path, folder: Path) -> None:
    """Give what root makes to the account that runs the site."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, -1)


def file_make() -> None:
    """Make the file, empty, unless it is there. Raises: OSError."""
    path = checkpoint_file()
    with suppress(FileExistsError):
        os.close(open_to_write(path, os.O_EXCL, shared=False))
        _owned_as(path, path.parent)
        sync_folder(path.parent)


def file_size() -> int:
    """The bytes of all complete lines; 0 without a file. Raises: OSError if it cannot be read."""
    try:
        with checkpoint_file().open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            while size:
                begin = max(0, size - LARGEST_LINE)
                file.seek(begin)
                if (found := file.read(size - begin).rfind(b"\n")) >= 0:
                    return begin + found + 1
                size = begin
    except FileNotFoundError:
        pass
    return 0


def file_lines(size: int | None = None) -> Iterator[str]:
    """The complete lines in the first `size` bytes, without line breaks. Raises: OSError."""
    left = file_size() if size is None else size
    if not left:
        return
    with checkpoint_file().open("rb") as file:
        while left > 0 and (line := file.readline(min(left, LARGEST_LINE + 1))):
            left -= len(line)
            yield _text(line)


def file_end(most: int) -> list[str]:
    """The last complete lines, at most this many. Raises: OSError."""
    size = file_size()
    if not size:
        return []
    with checkpoint_file().open("rb") as file:
        begin = max(0, size - most * (LARGEST_LINE + 1))
        file.seek(begin)
        lines = file.read(size - begin).split(b"\n")[:-1]
    return [_text(line) for line in lines[-most:]]


def _text(line: bytes) -> str:
    return line.removesuffix(b"\n").decode("ascii", "replace")


def line_append(line: str) -> None:
    """Append one line, and return when it is on the disk. A line that a full disk or a crash left incomplete is removed first. Raises: OSError."""
    path, size = checkpoint_file(), file_size()
    descriptor = os.open(path, os.O_RDWR)
    try:
        if os.fstat(descriptor).st_size > size:
            os.ftruncate(descriptor, size)
        content = f"{line}\n".encode()
        if os.pwrite(descriptor, content, size) < len(content):
            raise OSError(28, "No space left on device", str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def file_replace(path: Path, content: bytes, *, now: datetime) -> None:
    """Write the file of checkpoints or of their public key anew. One with another content is kept beside it. Raises: OSError."""
    if path.exists() and (before := path.read_bytes()) != content:
        replace(path.with_name(f"{path.name}.{now:%Y%m%d-%H%M%S}"), before, shared=False)
    replace(path, content, shared=False)
