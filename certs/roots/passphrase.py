"""Rotate the root passphrase: write its file, encrypt every root key with it, then delete the old passphrase. docs/develop/architecture.md has the steps."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from agent.files import replace, sync_folder
from audit.actors import Actor
from audit.record import record
from certs.certificates.issuer import passphrase_file, previous_file, root_key, root_passphrase
from certs.models import Certificate, TrustZone
from pki.core import keys
from sealing.errors import ZoneMissing

PERMISSION = "certs.rotate_root"


def root_passphrase_rotate(*, actor: Actor, now: datetime) -> int:
    """Encrypt every root key with a new passphrase, which replaces the one in the file. Returns the number of keys.

    An interrupted run is completed, without another passphrase. Raises: PermissionRefused, ZoneMissing, ZoneBroken, OSError.
    """
    actor.require(PERMISSION)
    with transaction.atomic():
        zone = _zone_locked()
        roots = Certificate.objects.exclude(encrypted_private_key=None)
        opened = {root: root_key(root) for root in roots}  # before anything is changed
        _file_switch()
        _reencrypt(opened)
        record(actor=actor, action="root_passphrase.rotated", target=zone, detail={"roots": len(opened)}, now=now)
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


def _reencrypt(opened: Mapping[Certificate, keys.PrivateKey]) -> None:
    passphrase = root_passphrase()
    for root, key in opened.items():
        unchanged = Certificate.objects.filter(
            pk=root.pk, encrypted_private_key=root.encrypted_private_key
        )  # its key was not deleted since
        unchanged.update(encrypted_private_key=keys.to_encrypted_pem(key, passphrase))
