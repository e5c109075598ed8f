"""The roots of the trust zone among those that a Linux system trusts, where `--system-trust` asks for it."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.system.folders import NotPossible, sync_folder
from pki.core import verify

TIMEOUT_S, TOLD_CHARACTERS = 120, 1000
ZONE = re.compile("[A-Za-z0-9-]{1,64}")
PLACES = "/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass(frozen=True)
class Way:
    """How one family of systems is told: a folder of certificates, and what makes the system read it (and read it anew)."""

    anchors: Path
    command: tuple[str, ...]
    anew: tuple[str, ...]  # after something was taken away or is another


# Debian's tool leaves the links of what has gone, but for --fresh.
DEBIAN = Way(
    Path("/usr/local/share/ca-certificates"), ("update-ca-certificates",), ("update-ca-certificates", "--fresh")
)  # fmt: skip
RED_HAT = Way(Path("/etc/pki/ca-trust/source/anchors"), ("update-ca-trust", "extract"), ("update-ca-trust", "extract"))
WAYS = (DEBIAN, RED_HAT)


def _tool(name: str) -> str | None:
    return shutil.which(name, path=PLACES)


def way_here(*, system: Path = Path("/"), tool: Callable[[str], str | None] = _tool, user: int | None = None) -> Way:
    """The way of this system, below `system`. Raises: NotPossible for who is not root, and where no way is known."""
    for way in WAYS:
        anchors, program = system / way.anchors.relative_to("/"), tool(way.command[0])
        if program is not None and anchors.is_dir():
            if (os.geteuid() if user is None else user) != 0:
                raise NotPossible(
                    f"Only root may change what this system trusts ({anchors}). Nothing was changed. Run it as root, or leave it out."
                )
            return Way(anchors, (program, *way.command[1:]), (program, *way.anew[1:]))
    known = " or ".join(f"{way.command[0]} with {way.anchors}" for way in WAYS)
    raise NotPossible(f"This system has neither {known}. Nothing was changed. Give the roots in exported/root.pem to it by hand.")


def wanted(trust_zone: str, roots: Iterable[x509.Certificate]) -> dict[str, bytes]:
    """The files, by name. The name says which zone and which root, so that a root's file never changes. Raises: NotPossible."""
    _own(trust_zone)
    return {f"trust-zone-{trust_zone}-{verify.fingerprint(root)[:16]}.crt": root.public_bytes(Encoding.PEM) for root in roots}


def _own(trust_zone: str) -> re.Pattern[str]:
    """The names of this trust zone's files, and of no other's."""
    if not ZONE.fullmatch(trust_zone):
        raise NotPossible(f"The trust zone's id {trust_zone!r:.80} cannot stand in the name of a file. Nothing was changed.")
    return re.compile(rf"trust-zone-{trust_zone}-[0-9a-f]{{16}}\.crt")


def present(anchors: Path, trust_zone: str) -> set[str]:
    """The names of this trust zone's files among the anchors. Raises: NotPossible, OSError."""
    return {path.name for path in anchors.iterdir() if _own(trust_zone).fullmatch(path.name)}


def settle(way: Way, trust_zone: str, roots: Iterable[x509.Certificate]) -> tuple[int, int]:
    """Let the system trust these roots of the zone and no others. Returns how many came and went. Raises: NotPossible, OSError.

    The system is told even where no file has changed: it may have been cut off before it was told the last time.
    """
    files, before = wanted(trust_zone, roots), present(way.anchors, trust_zone)
    came = [name for name, pem in files.items() if name not in before or (way.anchors / name).read_bytes() != pem]
    went = before - files.keys()
    for name in came:
        _write(way.anchors / name, files[name])
    for name in went:
        (way.anchors / name).unlink()
    sync_folder(way.anchors)
    _run(way.anew if went or before & set(came) else way.command)
    return len(came), len(went)


def is_used(trust_zone: str, *, system: Path = Path("/")) -> bool:
    """Whether the system below `system` trusts roots of the zone by this hand. Raises: NotPossible, OSError."""
    folders = (system / way.anchors.relative_to("/") for way in WAYS)
    return any(present(folder, trust_zone) for folder in folders if folder.is_dir())


def remove(way: Way, trust_zone: str) -> int:
    """Take the zone's roots out of the system. Returns how many went. Raises: NotPossible, OSError."""
    return settle(way, trust_zone, ())[1]


def _write(path: Path, content: bytes) -> None:
    """In one step, and readable by all: every program of the system reads it."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            temporary.chmod(0o644)
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _run(command: tuple[str, ...]) -> None:
    try:
        ended = subprocess.run(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
            umask=0o022,  # every program of the system reads what it writes
        )
    except subprocess.TimeoutExpired as exc:
        raise NotPossible(f"{command[0]} did not end within {TIMEOUT_S} s. The files are in place: run it by hand.") from exc
    if ended.returncode:
        told = ended.stdout[-TOLD_CHARACTERS:].decode(errors="replace").strip()
        raise NotPossible(f"{command[0]} ended with {ended.returncode}. The files are in place: mend it and run it again. It said: {told}")
