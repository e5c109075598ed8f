"""The central key, out of its file. Console, node API and workers read it; no node ever gets it."""

import os
import threading

from django.conf import settings

from agent.files import replace
from pki.core.errors import KeyFileMalformed
from pki.core.sealing import SealingKey
from pki.exchange import central_key
from sealing.errors import ZoneBroken

WAY_OUT = (
    "Put the file back from a backup of this site, or copy it from another machine of this site. docs/disasters.md says how (The central "
    "key file is lost)."
)

_lock = threading.Lock()
_read: dict[tuple[str, int, int, int], dict[str, SealingKey]] = {}


def is_there() -> bool:
    return bool(settings.CENTRAL_KEY_FILE.exists())


def central_keys() -> dict[str, SealingKey]:
    """The live versions by key id, the newest first; read again whenever the file has changed. Raises: ZoneBroken."""
    path = str(settings.CENTRAL_KEY_FILE)
    try:
        status = os.stat(path)
        state = path, status.st_ino, status.st_mtime_ns, status.st_size
        with _lock:
            if state not in _read:
                keys = central_key.parse(settings.CENTRAL_KEY_FILE.read_bytes())
                _read.clear()
                _read[state] = keys
            return _read[state]
    except FileNotFoundError as exc:
        raise ZoneBroken(
            f"The central key file {path} is missing, and the private keys and passwords that only the center needs are sealed with it. {WAY_OUT}"
        ) from exc
    except OSError as exc:
        raise ZoneBroken(f"The central key file {path} cannot be read: {exc.strerror}. Give this process the right to read it.") from exc
    except KeyFileMalformed as exc:
        raise ZoneBroken(f"The central key file {path} is damaged: {exc}. {WAY_OUT}") from exc


def central_keys_write(keys: dict[str, SealingKey]) -> None:
    """Replace the file in one step, where it is if the setting names a link. Raises: OSError."""
    replace(settings.CENTRAL_KEY_FILE.resolve(), central_key.written(keys.values()))
