"""Damaged files in the agent's home: which file it is, and what to do."""

import contextlib
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm

from pki.core.commands import AGENT, QMC
from pki.core.errors import PKIError

UNREADABLE = (
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    OverflowError,
    UnsupportedAlgorithm,
    ssl.SSLError,
    PKIError,
)


class StoreDamaged(PKIError, ValueError):
    """The installed generation cannot be used. `what` names the file and the damage; the whole text also says what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what


def _why(path: Path) -> str:
    with contextlib.suppress(OSError):
        content = path.read_bytes()
        if not content:
            return "it is empty"
        return "it has only zero bytes" if not content.strip(b"\0") else "its content is not what the agent wrote"
    return "it is missing"


def _remedy(home: Path) -> str:
    central = is_central(home)
    if central:
        return f"This is the central node. Run `{QMC} repair_central`: it says whether a repair is possible or a backup is needed."
    first = f"move the folder {home} to another place" if central is None else f"`{AGENT} remove --home {home} --yes`"
    return (
        "Nothing else was changed. Press Redistribute in the console and type its password on this machine. Or restore the backup of this agent: "
        f"{first}, then `{AGENT} restore --home {home} FILE`."
    )


def is_central(home: Path) -> bool | None:
    """Whether `home` belongs to the central node, from the manifests that can still be read; None if none can."""
    found = None
    for path in (home / "generations").glob("*/manifest.json"):
        with contextlib.suppress(OSError, *UNREADABLE):
            manifest = json.loads(path.read_bytes())
            found = bool(found) or manifest["host_name"] == manifest["central_host_name"]
    return found


@contextlib.contextmanager
def named(home: Path, path: Path) -> Iterator[None]:
    """Errors of reading in this block mean that `path` is damaged. Raises: StoreDamaged; OSError without permission, or if the disk fails."""
    try:
        yield
    except StoreDamaged:
        raise
    except UNREADABLE as exc:
        raise StoreDamaged(f"{path} is damaged: {_why(path)}.", _remedy(home)) from exc
