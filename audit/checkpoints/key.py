"""The key of checkpoints: made with the first one, and encrypted with the root passphrase, so only workers sign."""

import uuid
from datetime import datetime
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction

from agent.files import replace
from audit.checkpoints.file import public_key_file
from audit.models import CheckpointKey
from pki.core import keys
from pki.evidence.checkpoints import public_key_text
from sealing.errors import ZoneBroken
from sealing.root_passphrase import root_passphrase, root_sealed_register

KEYS = root_sealed_register(CheckpointKey, "private_key", keys.ed25519_from_pem)


class ZoneHere(Protocol):
    """The id of the trust zone if this machine is its central node. `lock`: no rotation of the root passphrase begins before the transaction ends."""

    def __call__(self, *, lock: bool = False) -> uuid.UUID | None: ...


_zone_here: list[ZoneHere] = []


def zone_register(function: ZoneHere) -> ZoneHere:
    """Register the function that says of which trust zone this machine is the central node."""
    _zone_here.append(function)
    return function


def zone_here(*, lock: bool = False) -> uuid.UUID | None:
    """The trust zone; None if another machine is its central node, or `init` is not complete. Raises: ZoneBroken."""
    (function,) = _zone_here
    return function(lock=lock)


def key_found() -> CheckpointKey | None:
    """The key, without its private part; None before the first checkpoint."""
    return CheckpointKey.objects.defer("private_key").first()


@transaction.atomic
def key_make(*, now: datetime) -> CheckpointKey | None:
    """Make the row of the key; None if there is no trust zone yet. `public_key_write` follows. Raises: ZoneBroken."""
    zone = zone_here(lock=True)
    if zone is None:
        return None
    private_key = Ed25519PrivateKey.generate()
    return CheckpointKey.objects.create(
        zone=zone,
        public_key=public_key_text(private_key.public_key()),
        private_key=keys.to_encrypted_pem(private_key, root_passphrase()),
        created_at=now,
    )


def public_key_write(key: CheckpointKey) -> None:
    """Write the file of the public key of a new key. The row is there before it, so a file without a row says that the row was lost. Raises: OSError."""
    replace(public_key_file(), key.public_key.encode(), shared=False)


def public_key_known() -> str:
    """The public key, PEM: that of the file, else of the table; "" if the site has none. Raises: OSError."""
    try:
        return public_key_file().read_text("ascii", "replace")
    except FileNotFoundError:
        key = key_found()
        return key.public_key if key else ""


def private_key(key: CheckpointKey) -> Ed25519PrivateKey:
    """The decrypted key. Raises: ZoneBroken if the root passphrase does not open it, or if it is not that of the public key."""
    if key.private_key is None:
        raise ZoneBroken("The private key of the audit log's checkpoints is missing in the database. Restore the site from a backup.")
    try:
        opened = KEYS.opened(key)
    except ZoneBroken:  # the passphrase may have been rotated since the row was read
        key.refresh_from_db(fields=["private_key"])
        opened = KEYS.opened(key)
    if public_key_text(opened.public_key()) != public_key_known():
        raise ZoneBroken(
            f"{public_key_file()} was changed: it is not the public key of the audit log's checkpoints. Put it back from a backup."
        )
    return opened
