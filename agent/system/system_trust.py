"""Adds the roots of the trust zone to those that a Linux system trusts, for `--system-trust`."""

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

TIMEOUT_S, OUTPUT_CHARACTERS = 120, 1000
ZONE = re.compile("[A-Za-z0-9-]{1,64}")
PLACES = "/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass(frozen=True)
class TrustStore:
    """The trust store of a family of Linux systems: a folder of certificates, and the commands that make the system read it."""

    anchors: Path
    command: tuple[str, ...]
    anew: tuple[str, ...]  # after a file was removed or changed


# Without --fresh, Debian's tool keeps symlinks to removed certificates.
DEBIAN = TrustStore(
    Path("/usr/local/share/ca-certificates"), ("update-ca-certificates",), ("update-ca-certificates", "--fresh")
)  # fmt: skip
RED_HAT = TrustStore(Path("/etc/pki/ca-trust/source/anchors"), ("update-ca-trust", "extract"), ("update-ca-trust", "extract"))
TRUST_STORES = (DEBIAN, RED_HAT)


def _tool(name: str) -> str | None:
    return shutil.which(name, path=PLACES)


def this_trust_store(*, system: Path = Path("/"), tool: Callable[[str], str | None] = _tool, user: int | None = None) -> TrustStore:
    """The trust store of this system, below the folder `system`. Raises: NotPossible if this account is not root, or the system has none of them."""
    for store in TRUST_STORES:
        anchors, program = system / store.anchors.relative_to("/"), tool(store.command[0])
        if program is not None and anchors.is_dir():
            if (os.geteuid() if user is None else user) != 0:
                raise NotPossible(
                    f"Only root may change what this system trusts ({anchors}). Nothing was changed. Run this as root, or without this option."
                )
            return TrustStore(anchors, (program, *store.command[1:]), (program, *store.anew[1:]))
    known = " or ".join(f"{store.command[0]} with {store.anchors}" for store in TRUST_STORES)
    raise NotPossible(
        f"This system has neither {known}. Nothing was changed. Add the roots in exported/root.pem to its trust store yourself."
    )


def root_files(trust_zone: str, roots: Iterable[x509.Certificate]) -> dict[str, bytes]:
    """The files of these roots, by name. The name has the zone and the fingerprint, so the file of a root never changes. Raises: NotPossible."""
    _own(trust_zone)
    return {f"trust-zone-{trust_zone}-{verify.fingerprint(root)[:16]}.crt": root.public_bytes(Encoding.PEM) for root in roots}


def _own(trust_zone: str) -> re.Pattern[str]:
    """A pattern for the names of this trust zone's files."""
    if not ZONE.fullmatch(trust_zone):
        raise NotPossible(f"The trust zone's id {trust_zone!r:.80} cannot be part of a file name. Nothing was changed.")
    return re.compile(rf"trust-zone-{trust_zone}-[0-9a-f]{{16}}\.crt")


def present(anchors: Path, trust_zone: str) -> set[str]:
    """The names of this trust zone's files in the folder. Raises: NotPossible, OSError."""
    return {path.name for path in anchors.iterdir() if _own(trust_zone).fullmatch(path.name)}


def settle(store: TrustStore, trust_zone: str, roots: Iterable[x509.Certificate]) -> tuple[int, int]:
    """Make the system trust these roots of the zone and no others of it. Returns how many were added and removed. Raises: NotPossible, OSError.

    The command of the system always runs, because an earlier run may have been interrupted before it.
    """
    files, before = root_files(trust_zone, roots), present(store.anchors, trust_zone)
    added = [name for name, pem in files.items() if name not in before or (store.anchors / name).read_bytes() != pem]
    removed = before - files.keys()
    for name in added:
        _write(store.anchors / name, files[name])
    for name in removed:
        (store.anchors / name).unlink()
    sync_folder(store.anchors)
    _run(store.anew if removed or before & set(added) else store.command)
    return len(added), len(removed)


def is_used(trust_zone: str, *, system: Path = Path("/")) -> bool:
    """Whether this module has added roots of the zone to the system below the folder `system`. Raises: NotPossible, OSError."""
    folders = (system / store.anchors.relative_to("/") for store in TRUST_STORES)
    return any(present(folder, trust_zone) for folder in folders if folder.is_dir())


def remove(store: TrustStore, trust_zone: str) -> int:
    """Remove the zone's roots from the system. Returns how many. Raises: NotPossible, OSError."""
    return settle(store, trust_zone, ())[1]


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step, readable by all accounts, because every program of the system reads it."""
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
            umask=0o022,  # every program of the system must read its output
        )
    except subprocess.TimeoutExpired as exc:
        raise NotPossible(f"{command[0]} did not end within {TIMEOUT_S} s. The files are in place: run it yourself.") from exc
    if ended.returncode:
        output = ended.stdout[-OUTPUT_CHARACTERS:].decode(errors="replace").strip()
        raise NotPossible(
            f"{command[0]} failed with exit code {ended.returncode}. The files are in place: correct the cause and run it again. Its output: {output}"
        )
