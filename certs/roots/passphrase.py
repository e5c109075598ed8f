"""Rotate the root passphrase: write its file, encrypt every key of a root and of the audit log with it, then delete the old passphrase. docs/develop/architecture.md has the steps."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model

from agent.files import replace, sync_folder
from audit.actors import Actor
from audit.record import record
from certs.models import TrustZone
from pki.core import keys
from sealing.errors import ZoneMissing
from sealing.root_passphrase import RootSealed, passphrase_file, previous_file, root_passphrase, root_sealed_columns

PERMISSION = "certs.rotate_root"


def root_passphrase_rotate(*, actor: Actor, now: datetime) -> int:
    """Encrypt every private key that has the root passphrase with a new one, which replaces the one in the file. Returns the number of keys.

    An interrupted run is completed, without another passphrase. Raises: PermissionRefused, ZoneMissing, ZoneBroken, OSError.
    """
    actor.require(PERMISSION)
    with transaction.atomic():
        zone = _zone_locked()
        # All are opened before anything is changed.
        opened = [(column, row, column.opened(row)) for column in root_sealed_columns() for row in column.rows()]
        _file_switch()
        _reencrypt(opened)
        record(actor=actor, action="root_passphrase.rotated", target=zone, detail={"keys": len(opened)}, now=now)
    with transaction.atomic():  # committed: no key needs the previous passphrase, and no other rotation is in progress
        _zone_locked()
        previous_file().unlink(missing_ok=True)
        sync_folder(passphrase_file().parent)
    return len(opened)


def _zone_locked() -> TrustZone:
    """Lock out other processes that make a root or rotate the passphrase. Raises: ZoneMissing."""
    zone = TrustZone.objects.select_for_update().first()
    if zone is None:
        raise ZoneMissing
    return zone


def _file_switch() -> None:
    """Copy the current passphrase to the file beside it, then write a new one. Each step is atomic, and one of the two always opens every key."""
    path, previous, current = passphrase_file(), previous_file(), root_passphrase()
    if previous.exists() and previous.read_bytes().strip() != current:
        return  # an interrupted run has done this step
    replace(previous, current, shared=False)
    replace(path, secrets.token_urlsafe(48).encode(), shared=False)


def _reencrypt(opened: Iterable[tuple[RootSealed[Any], Model, keys.OwnKey]]) -> None:
    passphrase = root_passphrase()
    for column, row, key in opened:
        column.replace(row, key, passphrase)
