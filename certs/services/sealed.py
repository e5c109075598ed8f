"""Sealing secrets in rows with the database key, which is read out of this machine's own service certificate (S16)."""

import threading

from django.conf import settings
from django.db import models

from agent.store import Installed, Store
from certs.errors import ZoneBroken, ZoneMissing
from certs.models import sealed_place
from pki import sealing
from pki.database_key import DatabaseKey
from pki.errors import PKIError

_lock = threading.Lock()
_cached: dict[str, DatabaseKey] = {}


def own_store() -> Installed:
    """What this machine has installed. Raises: ZoneMissing."""
    installed = Store(settings.NODE_STORE).current()
    if installed is None:
        raise ZoneMissing
    return installed


def database_key() -> DatabaseKey:
    """The key of the encrypted fields. Raises: ZoneMissing, ZoneBroken. There is no second copy at rest."""
    installed = own_store()
    place = str(installed.path)
    with _lock:
        if place not in _cached:
            try:
                key = installed.database_key()
            except (PKIError, OSError, ValueError) as exc:
                raise ZoneBroken(
                    f"The database key cannot be read from the service certificate in {place}: {exc} "
                    "Restore the node's store from a backup."
                ) from exc
            _cached.clear()
            _cached[place] = key
        return _cached[place]


def seal(row: models.Model, column: str, plaintext: bytes) -> bytes:
    """`plaintext` sealed for exactly this place; the caller assigns it."""
    return sealing.seal(database_key(), plaintext, bound_to=sealing.bound_to(*sealed_place(row, column)))


def unseal(row: models.Model, column: str) -> bytes:
    """What `column` holds. Raises: SealError, ZoneMissing, ZoneBroken."""
    sealed = bytes(getattr(row, column))
    return sealing.unseal([database_key()], sealed, bound_to=sealing.bound_to(*sealed_place(row, column)))
