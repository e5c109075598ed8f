"""The packages that wait for their password, one file each. The running agent and commands on a terminal share them."""

import contextlib
import json
import logging
import os
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.files import replace
from pki.core import clocks
from pki.core.errors import PackageMalformed
from pki.core.json_text import json_read
from pki.exchange import package, package_header
from pki.exchange.package_header import Claims, Header

MOST_WAITING, MOST_UNTAGGED = 256, 4
SOURCE = re.compile("[0-9A-Za-z.:%_-]{0,64}")
log = logging.getLogger("agent")


class Damaged(Exception):
    """A file of a waiting package is damaged."""


@dataclass(frozen=True)
class Waiting:
    """A package that waits for its password."""

    digest: str
    source: str
    received_at: datetime
    header: Header
    path: Path

    @property
    def claims(self) -> Claims:
        return self.header.claims


def read(path: Path) -> tuple[Waiting, bytes]:
    """A file of `waiting/`: its details and the package. Raises: Damaged, OSError."""
    try:
        content = json_read(path.read_bytes())
        sealed, source, received_at = content["package"].encode("ascii"), content["source"], clocks.parsed(content["received_at"])
        header = package_header.read(sealed)
    except (ValueError, KeyError, TypeError, AttributeError, PackageMalformed) as exc:
        raise Damaged(str(exc)) from exc
    if package.digest(sealed) != path.stem or not isinstance(source, str) or not SOURCE.fullmatch(source):
        raise Damaged("its content has changed")
    return Waiting(path.stem, source, received_at, header, path), sealed


def packages_to_remove(waiting: list[Waiting]) -> list[Waiting]:
    """The packages to remove before one more is stored: the oldest of the address that has sent the most. `waiting` is sorted, newest first.

    Each password needs an expensive key derivation for each package without a tag, so few of them are kept.
    """
    removed = []
    tagged, untagged = (
        [sealed_package for sealed_package in waiting if (sealed_package.header.tag is not None) is has] for has in (True, False)
    )
    for kept, most in ((tagged, MOST_WAITING), (untagged, MOST_UNTAGGED)):
        while len(kept) >= most:
            sent = Counter(sealed_package.source for sealed_package in kept)
            removed.append(next(sealed_package for sealed_package in reversed(kept) if sent[sealed_package.source] == max(sent.values())))
            kept.remove(removed[-1])
    return removed


class WaitingPackages:
    """The folder `waiting/` of a home. Unchanged files are read only once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int], Waiting]] = {}

    def all(self) -> list[Waiting]:
        """The waiting packages, newest first. Damaged files are removed, because the central node sends their packages again."""
        known = {}
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.folder) as entries:
            for entry in entries:
                found = self._read(entry) if entry.name.endswith(".json") else None
                if found is not None:
                    known[entry.name] = found
        self._known = known
        return sorted((waiting for _, waiting in known.values()), key=lambda waiting: waiting.received_at, reverse=True)

    def _read(self, entry: os.DirEntry[str]) -> tuple[tuple[int, int], Waiting] | None:
        try:
            status, before = entry.stat(), self._known.get(entry.name)
            version = status.st_mtime_ns, status.st_size
            return before if before and before[0] == version else (version, read(Path(entry.path))[0])
        except FileNotFoundError:  # another process removed it
            return None
        except Damaged as exc:
            log.warning("%s was damaged, so it was removed. The central node sends the package again: %s", entry.path, exc)
            Path(entry.path).unlink(missing_ok=True)
        except OSError as exc:
            log.warning("%s cannot be read: %s", entry.path, exc)
        return None

    def holds(self, digest: str) -> bool:
        return (self.folder / f"{digest}.json").exists()

    def keep(self, sealed: bytes, *, source: str, now: datetime) -> None:
        """Store a package until its password is typed. Raises: OSError."""
        for sealed_package in packages_to_remove(self.all()):
            sealed_package.path.unlink(missing_ok=True)
        content = {"source": source, "received_at": now.isoformat(), "package": sealed.decode("ascii")}
        replace(self.folder / f"{package.digest(sealed)}.json", json.dumps(content).encode())
