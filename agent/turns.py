"""The turn in the central node's last answer. The next heartbeat returns it, so that the central node detects a copy of this home."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from agent.files import replace
from agent.system.folders import try_lock

TURN, TURN_LOCK = "turn", "turn.lock"
FORM = re.compile("[0-9a-f]{1,80}")


class Turns:
    """The turn stored in `home`. It is on the disk before the next heartbeat, so it survives restarts."""

    def __init__(self, home: Path) -> None:
        self.path, self.lock = home / TURN, home / TURN_LOCK

    @contextlib.contextmanager
    def taken(self) -> Iterator[str]:
        """The turn to return, locked against other processes with this home. Raises: OSError if one has the lock."""
        with self.lock.open("w") as file:
            if not try_lock(file):
                raise OSError("another agent is sending a heartbeat from this home directory. This agent tries again")
            yield self._read()

    def _read(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            kept = self.path.read_bytes().decode(errors="replace")
            return kept if FORM.fullmatch(kept) else ""
        return ""

    def keep(self, turn: str) -> None:
        """Store a turn. Raises: OSError: the previous turn is returned again then, as after a lost answer."""
        replace(self.path, turn.encode())

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
