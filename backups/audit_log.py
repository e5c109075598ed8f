"""The audit log in a backup: the file of its checkpoints, with its two keys. Its events are rows of the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from agent.files import InUse
from audit.checkpoints.file import PATIENCE, checkpoint_file, file_held, file_replace, public_key_file
from audit.checkpoints.key import key_found, private_key, public_key_known
from audit.models import CheckpointKey
from backups.archive import AUDIT, Archive, BackupError
from pki.core import keys
from sealing.root_passphrase import root_passphrase

CHECKPOINTS, PRIVATE_KEY, PUBLIC_KEY = (f"{AUDIT}{name}" for name in ("checkpoints", "private-key.pem", "public-key.pem"))


@contextmanager
def log_held(now: datetime) -> Iterator[None]:
    """No checkpoint is signed meanwhile, so the file has nothing that the rows do not have. Raises: BackupError."""
    try:
        with file_held(now=now, wait=PATIENCE):
            yield
    except InUse as exc:
        raise BackupError(f"The checkpoints of the audit log are in use by {exc}. Nothing was written. Try again in a minute.") from exc


def log_members(passphrase: str) -> dict[str, bytes]:
    """The members of the backup. None before the first checkpoint."""
    key = key_found()
    if key is None:
        return {}
    file = checkpoint_file()
    return ({CHECKPOINTS: file.read_bytes()} if file.exists() else {}) | {
        PRIVATE_KEY: keys.to_encrypted_pem(private_key(key), passphrase.encode()),
        PUBLIC_KEY: public_key_known().encode(),
    }


def log_write(archive: Archive, passphrase: str, *, now: datetime) -> None:
    """Write the file of checkpoints (a newer one is kept beside it), and encrypt their key with this machine's root passphrase.

    A backup of an earlier version has neither. Raises: BackupError.
    """
    if CHECKPOINTS in archive.members:
        file_replace(checkpoint_file(), archive.members[CHECKPOINTS], now=now)
    if PUBLIC_KEY in archive.members:
        file_replace(public_key_file(), archive.members[PUBLIC_KEY], now=now)
    if PRIVATE_KEY in archive.members:
        key = keys.ed25519_from_pem(archive.members[PRIVATE_KEY], passphrase.encode())
        CheckpointKey.objects.update(private_key=keys.to_encrypted_pem(key, root_passphrase()))
    elif CheckpointKey.objects.exists():
        raise BackupError(
            "The backup is not complete: it lacks the key of the audit log's checkpoints. Nothing was loaded. Use another backup."
        )
