"""The turn of the central node's last answer, which the next call returns: by it a copy of this home is noticed."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from agent.files import replace
from agent.system.folders import try_lock

TURN, TURN_LOCK = "turn", "turn.lock"
FORM = re.compile("[0-9a-f]{1,80}")


class Turns:
    """What is kept in `home`, durably before the next call: who restarts goes on with it."""

    def __init__(self, home: Path) -> None:
        self.path, self.lock = home / TURN, home / TURN_LOCK

    @contextlib.contextmanager
    def taken(self) -> Iterator[str]:
        """The turn to return, while no other process calls from this home. Raises: OSError if one does."""
        with self.lock.open("w") as file:
            if not try_lock(file):
                raise OSError("another agent calls from this home directory at the moment: it is waited for")
            yield self._read()

    def _read(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            kept = self.path.read_bytes().decode(errors="replace")
            return kept if FORM.fullmatch(kept) else ""
        return ""

    def keep(self, turn: str) -> None:
        """Raises: OSError; the turn before goes on being returned then, which counts as an answer that was lost."""
        replace(self.path, turn.encode())

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
