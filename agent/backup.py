"""Backup and restore of a node's keys and certificates. The backup file has unencrypted private keys, so its mode is 0600."""

import contextlib
import io
import os
import tarfile
from pathlib import Path

from agent.files import replace, undone_on_error
from agent.state import RUNNING, State
from agent.store import Installed, Store
from agent.turns import TURN, TURN_LOCK
from pki.core import keys
from pki.core.commands import AGENT
from pki.core.errors import PKIError

MEMORY, LOCK = "agent.json", ".lock"


class BackupRefused(Exception):
    """A backup or restore was refused. The text says what happened, why, and what to do next."""


def backup(home: Path, file: Path) -> int:
    """Write the store of `home` to `file`, which must not exist yet. Returns how many files it holds. Raises: BackupRefused, OSError."""
    store = Store(home)
    if store.current() is None:
        raise BackupRefused(f"Nothing is installed in {home}. Check --home.")
    with store.locked():
        files = store.files()
        with contextlib.suppress(FileNotFoundError):
            files[MEMORY] = (home / MEMORY).read_bytes()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        raise BackupRefused(f"{file} exists already, and a backup never replaces a file. Choose another name.") from exc
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(packed.getvalue())
            written.flush()
            os.fsync(written.fileno())
    except OSError as exc:
        file.unlink()
        raise BackupRefused(f"{file} could not be written: {exc.strerror}. Nothing was kept. Choose another place.") from exc
    return len(files)


def restore(home: Path, file: Path) -> Installed:
    """Restore `file` into an empty `home`. An inconsistent backup leaves nothing there. Raises: BackupRefused, OSError."""
    files = _read(file)
    made_by_a_running_agent = {LOCK, MEMORY, RUNNING, TURN, TURN_LOCK}
    if home.exists() and {path.name for path in home.iterdir()} - made_by_a_running_agent:
        raise BackupRefused(f"{home} is not empty. Nothing was changed. Run `{AGENT} remove --home {home}` first, or choose another.")
    memory = files.pop(MEMORY, None)
    try:
        with undone_on_error(home):
            state = State(home)
            with state.locked():
                installed = state.store.put_back(files)
                _prove(state.store, installed)
                if memory is not None:
                    replace(home / MEMORY, memory)
                return installed
    except (ValueError, KeyError, TypeError, PKIError) as exc:
        raise BackupRefused(f"{file} is inconsistent: {exc}. Nothing was kept. Use another backup, or redistribute the node.") from exc
    except OSError as exc:
        raise BackupRefused(
            f"{file} could not be restored into {home}: {exc}. Nothing was kept. Remove the cause, then try again."
        ) from exc


def _prove(store: Store, installed: Installed) -> None:
    """Raises: ValueError unless every key belongs to its certificate and each service pair decrypts its database key."""
    for place, problem in store.key_ring().problems.items():
        raise ValueError(f"{place}: {problem}")
    if keys.from_pem(installed.client_pem.read_bytes(), own=True).public_key() != installed.client.public_key():
        raise ValueError("the client key does not belong to its certificate")


def _read(file: Path) -> dict[str, bytes]:
    """The files of a backup by name. `put_back` checks the names. Raises: BackupRefused for anything but a tar file of regular files."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(file, mode="r:") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.type == tarfile.REGTYPE and not entry.issparse() else None
                if content is None or entry.name in found:
                    raise BackupRefused(f"{entry.name!r:.80} in {file} is not one regular file. Nothing was changed.")
                found[entry.name] = content.read()
    except tarfile.TarError as exc:
        raise BackupRefused(f"{file} is not a backup of a node, or is incomplete. Nothing was changed.") from exc
    return found
