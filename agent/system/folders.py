"""What depends on the system: what Windows does in another way than every other stands here, and nowhere else."""

import os
import signal
import sys
from pathlib import Path
from typing import IO


class NotPossible(Exception):
    """The system does not do what was asked of it: what happened, why, and what to do next."""


if sys.platform == "win32":
    import msvcrt

    LOCKED_BYTE = 4096

    def group_id(name: str) -> int:
        raise NotPossible("QMC_GROUP is for systems with groups of files. Unset it, and give the group access to the directory.")

    def lock(file: IO[str]) -> None:
        """Wait until nobody else has locked `file`; closing it lets the next one go on."""
        while True:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            except OSError:  # it gives up after ten seconds
                continue
            return

    def try_lock(file: IO[str]) -> bool:
        """Lock `file` until it is closed, by this process's end at the latest; False if another process has it."""
        file.seek(LOCKED_BYTE)  # what is locked cannot be read there by others
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def sync_folder(path: Path) -> None:
        """NTFS writes names into its journal; a folder cannot be opened to be synced."""

    def switch_link(new: Path, link: Path) -> None:
        """Let `link` lead where `new` does. A link to a folder cannot be replaced there: for a moment there is none."""
        link.unlink(missing_ok=True)
        new.rename(link)

    def end_group(process: int) -> None:
        """End a process; what it started goes on."""
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
        """Wait until nobody else has locked `file`; closing it lets the next one go on."""
        fcntl.flock(file, fcntl.LOCK_EX)

    def try_lock(file: IO[str]) -> bool:
        """Lock `file` until it is closed, by this process's end at the latest; False if another process has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def sync_folder(path: Path) -> None:
        """Make the names in a folder durable."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def switch_link(new: Path, link: Path) -> None:
        """Let `link` lead where `new` does, in one step."""
        new.replace(link)

    def end_group(process: int) -> None:
        """End a process that leads a group, and all that it started."""
        os.killpg(process, signal.SIGKILL)
