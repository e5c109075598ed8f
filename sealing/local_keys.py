"""The certificates that this machine has installed, and the database keys in its service certificates (S16). There is no other stored copy of these keys."""

import contextlib
import os
import threading
from collections.abc import Container

from cryptography import x509
from django.conf import settings

from agent.store import Installed, KeyRing, Store, StoreDamaged
from pki.core.commands import QMC
from pki.core.verify import fingerprint
from sealing.errors import ZoneBroken, ZoneMissing

REPAIR = (
    f"On the central node run `{QMC} repair_central`, which says whether it can be repaired or must be restored from a backup. "
    "Redistribute any other machine."
)
_lock = threading.Lock()
_read: dict[tuple[str, str, int], KeyRing] = {}


def own_store() -> Installed:
    """The installed certificates. Raises: ZoneMissing, ZoneBroken if their files are damaged."""
    installed = _current()
    if installed is None:
        raise ZoneMissing
    return installed


def _current() -> Installed | None:
    try:
        return Store(settings.NODE_STORE).current()
    except StoreDamaged as exc:
        raise ZoneBroken(f"The store {settings.NODE_STORE} is damaged: {exc.what} {REPAIR}") from exc
    except OSError as exc:
        raise ZoneBroken(f"The store {settings.NODE_STORE} cannot be read: {exc}. {REPAIR}") from exc


def key_ring() -> KeyRing:
    """The database keys that are available here. The store is read again when it has changed. Raises: ZoneMissing, ZoneBroken if none opens."""
    home = str(settings.NODE_STORE)
    try:
        # After each new pair the generation changes, and a retired pair is removed from the folder.
        state = home, os.readlink(home + "/current"), os.stat(home + "/service-pairs").st_mtime_ns
    except FileNotFoundError as exc:
        raise ZoneMissing from exc
    with _lock:
        if state not in _read:
            ring = key_ring_read()
            _read.clear()
            if ring.problems:
                return ring  # a pair that cannot be read now may be readable the next time
            _read[state] = ring
        return _read[state]


def own_fingerprints() -> set[str]:
    """The ids of the certificates that this machine uses. Empty if nothing is installed."""
    installed = _current()
    return {fingerprint(certificate) for certificate in (installed.service, installed.client, installed.cluster)} if installed else set()


def own_pair_fingerprints(key_ids: Container[str]) -> set[str]:
    """The service certificates with key that this machine has for these database keys, without those that cannot be read."""
    found = set()
    for path in Store(settings.NODE_STORE).service_pairs():
        if path.parent.name in key_ids:
            with contextlib.suppress(OSError, ValueError):
                found.add(fingerprint(x509.load_pem_x509_certificate(path.read_bytes())))
    return found


def key_ring_read() -> KeyRing:
    """The same, read from the disk. Raises: ZoneMissing, ZoneBroken."""
    own_store()
    ring = Store(settings.NODE_STORE).key_ring()
    if not ring.keys:
        why = "; ".join(ring.problems.values())
        raise ZoneBroken(f"The database key cannot be read from this machine's service certificates: {why} {REPAIR}")
    return ring
