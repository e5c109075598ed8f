"""What this machine itself has installed, and the database keys that its own service pairs open (S16). There is no other copy at rest."""

import threading

from django.conf import settings

from agent.store import Installed, KeyRing, Store
from certs.errors import ZoneBroken, ZoneMissing

_lock = threading.Lock()
_read: dict[tuple[str, ...], KeyRing] = {}


def own_store() -> Installed:
    """Raises: ZoneMissing."""
    installed = Store(settings.NODE_STORE).current()
    if installed is None:
        raise ZoneMissing
    return installed


def key_ring() -> KeyRing:
    """The database keys at hand, read again whenever the store has changed. Raises: ZoneMissing, ZoneBroken if none opens."""
    store = Store(settings.NODE_STORE)
    pairs = store.service_pairs()
    state = (str(own_store().path), *(f"{path} {path.stat().st_mtime_ns}" for path in pairs))
    with _lock:
        if state not in _read:
            ring = store.key_ring()
            if not ring.keys:
                raise ZoneBroken(
                    f"The database key cannot be read out of this machine's service certificates: {'; '.join(ring.problems.values())} "
                    "Restore the node's store from a backup."
                )
            _read.clear()
            _read[state] = ring
        return _read[state]
