"""The packages that wait for their password, each in a file of its own: shared by the running agent and the terminal."""

import json
import logging
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.store import replace
from pki import clocks, package
from pki.errors import PackageMalformed
from pki.package_header import Claims

SOURCE = re.compile("[0-9A-Za-z.:%_-]{0,64}")
log = logging.getLogger("agent")


class Damaged(Exception):
    """A file holds no waiting package any more."""


@dataclass(frozen=True)
class Waiting:
    """A package that waits for its password."""

    digest: str
    source: str
    received_at: datetime
    claims: Claims
    path: Path


def read(path: Path) -> tuple[Waiting, bytes]:
    """What a file in `waiting/` holds, and the package itself. Raises: Damaged, OSError."""
    try:
        content = json.loads(path.read_bytes())
        sealed, source, received_at = content["package"].encode("ascii"), content["source"], clocks.parsed(content["received_at"])
        claims = package.claims(sealed)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, PackageMalformed) as exc:
        raise Damaged(str(exc)) from exc
    if package.digest(sealed) != path.stem or not isinstance(source, str) or not SOURCE.fullmatch(source):
        raise Damaged("it is not what was written")
    return Waiting(path.stem, source, received_at, claims, path), sealed


class WaitingPackages:
    """The folder `waiting/` of a home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[Waiting]:
        """What waits, newest first. A file that is damaged is removed: the central node sends its package again."""
        found = []
        for path in self.folder.glob("*.json"):
            try:
                found.append(read(path)[0])
            except FileNotFoundError:  # another process was first
                continue
            except Damaged as exc:
                log.warning("%s is damaged and is removed; the central node sends the package again: %s", path, exc)
                path.unlink(missing_ok=True)
            except OSError as exc:
                log.warning("%s cannot be read: %s", path, exc)
        return sorted(found, key=lambda each: each.received_at, reverse=True)

    def keep(self, sealed: bytes, *, source: str, now: datetime) -> None:
        """Raises: OSError."""
        content = {"source": source, "received_at": now.isoformat(), "package": sealed.decode("ascii")}
        replace(self.folder / f"{package.digest(sealed)}.json", json.dumps(content).encode())
