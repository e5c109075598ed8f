"""Files that only the account of this program can read and, if QMC_GROUP is set, that group; other accounts never, whatever the umask."""

import contextlib
import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path

from agent.system.folders import NotPossible as NotPossible
from agent.system.folders import group_id, try_lock
from agent.system.folders import sync_folder as sync_folder

log = logging.getLogger(__name__)
PRIVATE_UMASK, GROUP_UMASK = 0o077, 0o007
_umask_before: list[int] = []


def restrict_umask() -> None:
    """Set the umask. Each process calls this before it writes anything. Raises: NotPossible."""
    _umask_before.append(os.umask(PRIVATE_UMASK if _group() is None else GROUP_UMASK))


def umask_before() -> int:
    """The umask before `restrict_umask`, for programs of the administrator; -1 (no change) if it was not changed."""
    return _umask_before[0] if _umask_before else -1


def _group() -> int | None:
    name = os.environ.get("QMC_GROUP", "")
    return group_id(name) if name else None


def is_shared() -> bool:
    """Whether a group has access. Raises: NotPossible."""
    return _group() is not None


def _permissions(mode: int, *, shared: bool, guarded: bool = False) -> int:
    """The permission bits for a file or directory with this `st_mode`. The owner keeps its bits; a group with access gets the same ones.

    `guarded`: a directory in which members of the group cannot replace files of other accounts.
    """
    owner = mode & 0o700
    if not shared:
        return owner
    bits = stat.S_ISGID | (stat.S_ISVTX if guarded else 0) if stat.S_ISDIR(mode) else 0
    return owner | owner >> 3 | bits


def _set_permissions(descriptor: int, *, shared: bool = True, guarded: bool = False) -> None:
    """Set mode and group of an open file or directory. Raises: OSError if it belongs to another account."""
    if sys.platform == "win32":  # modes do not restrict other accounts there
        return
    now, group = os.fstat(descriptor), _group() if shared else None
    if group is not None and now.st_gid != group:
        os.fchown(descriptor, -1, group)
    permissions = _permissions(now.st_mode, shared=group is not None, guarded=guarded)
    if stat.S_IMODE(now.st_mode) != permissions:
        os.fchmod(descriptor, permissions)


class InUse(Exception):
    """Another process has the lock. The text says which process, and since when."""


@contextlib.contextmanager
def exclusive_lock(path: Path, *, now: datetime, shared: bool = True) -> Iterator[None]:
    """Lock the file `path` for this process alone. The lock ends with the process. `shared=False`: QMC_GROUP cannot use it. Raises: InUse, OSError."""
    make_folder(path.parent)
    with os.fdopen(open_to_write(path, 0, shared=shared, access=os.O_RDWR), "r+") as file:
        if not try_lock(file):
            file.seek(0)
            raise InUse(file.readline().strip() or "another process")
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()}, since {now:%Y-%m-%d %H:%M:%S} UTC\n")
        file.flush()
        yield


def make_folder(path: Path) -> None:
    """Create a directory and its missing parents. Raises: OSError."""
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if path.is_dir():  # another process was first
            return
        raise
    if is_shared():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            _set_permissions(descriptor)
        finally:
            os.close(descriptor)


def open_to_write(path: Path, flags: int, *, shared: bool = True, access: int = os.O_WRONLY) -> int:
    """Create a file, or open an existing one, for writing; `flags` are added to `access` and O_CREAT. Returns the descriptor. Raises: OSError.

    `shared=False`: QMC_GROUP cannot read it either.
    """
    descriptor = os.open(path, access | os.O_CREAT | flags, 0o600)
    try:
        _set_permissions(descriptor, shared=shared)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def write(path: Path, content: bytes, *, shared: bool = True) -> None:
    """Write a file, and return when it is on the disk."""
    make_folder(path.parent)
    with os.fdopen(open_to_write(path, os.O_TRUNC, shared=shared), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes, *, shared: bool = True) -> None:
    """Replace a file in one step: a reader sees the old content or the new one.

    The owner stays the same; a new file gets the owner of the directory, because root may write it for an account that must read it.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        write(temporary, content, shared=shared)
        if sys.platform != "win32" and os.geteuid() == 0:
            os.chown(temporary, (path if path.exists() else path.parent).stat().st_uid, -1)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):  # a full disk needs the space
            temporary.unlink()
        raise
    sync_folder(path.parent)


@dataclass(frozen=True)
class OwnFolder:
    """A directory of this program. `names` are patterns of its files; QMC_GROUP cannot read files that are `is_private`.

    In directories that are `is_guarded`, members of the group cannot replace files of other accounts.

    In a directory that other programs use too, such as /tmp, only files with these `names` are corrected.
    """

    path: Path
    names: tuple[str, ...]
    is_private: Callable[[Path], bool] = lambda _: False
    is_guarded: Callable[[Path], bool] = lambda _: False


@dataclass(frozen=True)
class _Entry:
    path: Path
    name: str
    folder: int
    """The descriptor of its directory."""
    status: os.stat_result

    def settle(self, *, shared: bool, guarded: bool) -> None:
        """Set mode and group. A link that was created meanwhile is not followed. Raises: OSError."""
        if sys.platform == "win32":
            return
        descriptor = os.open(self.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self.folder)
        try:
            _set_permissions(descriptor, shared=shared, guarded=guarded)
        finally:
            os.close(descriptor)


def _is_ours_alone(path: Path, folders: list[str], names: tuple[str, ...]) -> bool:
    foreign = [name for name in folders if not _fits(name, names) and not (path / name).is_symlink()]
    as_tmp = stat.S_ISVTX | stat.S_IWOTH
    return path.stat().st_mode & as_tmp != as_tmp and not foreign


def _fits(name: str, names: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in names)


def _entries(own: OwnFolder) -> Iterator[_Entry]:
    """The directory, and all files and directories in it. Links are not followed."""
    if sys.platform == "win32" or not own.path.is_dir():
        return
    for top, folders, names, descriptor in os.fwalk(own.path.resolve()):
        inside = [*folders, *names]
        if Path(top) == own.path.resolve():
            if _is_ours_alone(Path(top), folders, own.names):
                inside.append(".")
            else:
                folders[:] = [name for name in folders if _fits(name, own.names)]
                inside = [name for name in inside if _fits(name, own.names)]
        for name in inside:
            with contextlib.suppress(FileNotFoundError):  # a running site writes and removes files at the same time
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
                    yield _Entry(Path(top) / name, name, descriptor, status)


def _is_loose(status: os.stat_result, *, group: int | None) -> bool:
    return bool(status.st_mode & 0o007) or bool(status.st_mode & 0o070 and (group is None or status.st_gid != group))


def readable_by_others(own: OwnFolder) -> list[Path]:
    """The files and directories of `own`, itself included, that other accounts can read. Raises: NotPossible."""
    group = _group()
    return [entry.path for entry in _entries(own) if _is_loose(entry.status, group=None if own.is_private(entry.path) else group)]


def is_readable_by_others(path: Path, *, shared: bool) -> bool:
    """Whether other accounts can read one file; `shared=False`: QMC_GROUP counts as one of them. Raises: OSError, NotPossible."""
    return sys.platform != "win32" and _is_loose(path.stat(), group=_group() if shared else None)


def close_to_others(own: OwnFolder) -> None:
    """Correct the modes in `own`, and the group if one has access. The log says what was corrected and what failed. Raises: NotPossible."""
    group, corrected = _group(), 0
    for entry in _entries(own):
        shared = group is not None and not own.is_private(entry.path)
        guarded = own.is_guarded(entry.path)
        is_right = stat.S_IMODE(entry.status.st_mode) == _permissions(entry.status.st_mode, shared=shared, guarded=guarded)
        if is_right and (not shared or entry.status.st_gid == group):
            continue
        try:
            entry.settle(shared=shared, guarded=guarded)
            corrected += 1
        except FileNotFoundError:
            continue
        except OSError as exc:
            log.warning(
                "%s: its mode could not be corrected: %s. Other accounts may read it. Run this as its owner, or as root.",
                entry.path,
                exc.strerror,
            )
    if corrected:
        log.warning("%s: corrected the modes of %s files and directories that other accounts could read", own.path, corrected)


@contextlib.contextmanager
def undone_on_error(*places: Path) -> Iterator[None]:
    """If the block fails, remove what it created at or below `places`, and restore the content of files in `places`."""
    missing = {folder for place in places for folder in (place, *place.parents) if not os.path.lexists(folder)}
    contents = {place: place.read_bytes() for place in places if place.is_file()}
    before = {path for place in places for path in _below(place)}
    try:
        yield
    except BaseException:
        made = {path for place in places for path in _below(place)} - before
        for path in sorted(made | missing, reverse=True):
            _remove(path)
        for path, content in contents.items():
            if not path.is_file() or path.read_bytes() != content:
                replace(path, content)
        raise


def _below(place: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(place):
        yield from (Path(top) / name for name in (*folders, *names))


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
