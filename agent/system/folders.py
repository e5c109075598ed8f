"""Functions that differ between Windows and other systems: locks, links, durable folders, groups, and ending processes."""

import os
import signal
import sys
from pathlib import Path
from typing import IO


class NotPossible(Exception):
    """The system cannot do what was requested. The text says what happened, why, and what to do next."""


if sys.platform == "win32":
    import msvcrt

    LOCKED_BYTE = 4096

    def group_id(name: str) -> int:
        raise NotPossible("QMC_GROUP does not work on Windows. Unset it, and give the group access to the directory.")

    def lock(file: IO[str]) -> None:
        """Wait until no other process has locked `file`, then lock it. Closing the file ends the lock."""
        while True:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            except OSError:  # it gives up after ten seconds
                continue
            return

    def try_lock(file: IO[str]) -> bool:
        """Lock `file` until it is closed or this process ends; False if another process has locked it."""
        file.seek(LOCKED_BYTE)  # other processes cannot read a locked byte
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def sync_folder(path: Path) -> None:
        """Nothing to do: NTFS writes names into its journal, and folders cannot be opened."""

    def switch_link(new: Path, link: Path) -> None:
        """Replace `link` by `new`. Windows cannot replace a link to a folder in one step: for a moment there is none."""
        link.unlink(missing_ok=True)
        new.rename(link)

    def end_group(process: int) -> None:
        """End a process. Processes that it started continue."""
        os.kill(process, signal.SIGTERM)

else:
    import fcntl
    import grp

    def group_id(name: str) -> int:
        """Raises: NotPossible unless the group exists and this process may give files to it."""
        try:
            found = int(grp.getgrnam(name).gr_gid)
        except KeyError:
            raise NotPossible(f"QMC_GROUP={name} is not a group of this system. Create the group, or unset QMC_GROUP.") from None
        if os.geteuid() != 0 and found not in {os.getegid(), *os.getgroups()}:
            raise NotPossible(f"This account is not a member of the group {name} (QMC_GROUP). Add it to the group, or unset QMC_GROUP.")
        return found

    def lock(file: IO[str]) -> None:
        """Wait until no other process has locked `file`, then lock it. Closing the file ends the lock."""
        fcntl.flock(file, fcntl.LOCK_EX)

    def try_lock(file: IO[str]) -> bool:
        """Lock `file` until it is closed or this process ends; False if another process has locked it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def sync_folder(path: Path) -> None:
        """Write the names in a folder to the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def switch_link(new: Path, link: Path) -> None:
        """Replace `link` by `new`, in one step."""
        new.replace(link)

    def end_group(process: int) -> None:
        """End a process and all processes of its group."""
        os.killpg(process, signal.SIGKILL)
