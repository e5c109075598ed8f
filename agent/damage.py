"""Files of a home that do not hold any more what was written: which one, and what helps."""

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
    """The generation in force cannot be used: `what` names the file and its damage, the whole text also what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what


def _why(path: Path) -> str:
    with contextlib.suppress(OSError):
        content = path.read_bytes()
        if not content:
            return "it is empty"
        return "it holds zero bytes alone" if not content.strip(b"\0") else "it does not hold what was written"
    return "it is not there"


def _remedy(home: Path) -> str:
    central = is_central(home)
    if central:
        return f"This is the central node: `{QMC} repair_central` says whether it can be repaired or must be restored from a backup."
    first = f"move the folder {home} away" if central is None else f"`{AGENT} remove --home {home} --yes`"
    return (
        "Nothing else was changed. Press Redistribute in the console and type its password on this machine; or restore this agent's backup: "
        f"{first}, then `{AGENT} restore --home {home} FILE`."
    )


def is_central(home: Path) -> bool | None:
    """Whether a home is the central node's, by the manifests that can still be read; None where none can."""
    found = None
    for path in (home / "generations").glob("*/manifest.json"):
        with contextlib.suppress(OSError, *UNREADABLE):
            manifest = json.loads(path.read_bytes())
            found = bool(found) or manifest["host_name"] == manifest["central_host_name"]
    return found


@contextlib.contextmanager
def named(home: Path, path: Path) -> Iterator[None]:
    """What cannot be read in here is the damage of `path`. Raises: StoreDamaged; OSError where this account has no right, or the disk fails."""
    try:
        yield
    except StoreDamaged:
        raise
    except UNREADABLE as exc:
        raise StoreDamaged(f"{path} is damaged: {_why(path)}.", _remedy(home)) from exc
