"""Read the file of the central key. Console, node API and workers use it. Nodes never get it."""

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
    """The versions in the file by key id, the newest first. The file is read again when it has changed. Raises: ZoneBroken."""
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
            f"The central key file {path} is missing, and private keys and passwords of the central node are encrypted with it. {WAY_OUT}"
        ) from exc
    except OSError as exc:
        raise ZoneBroken(f"The central key file {path} cannot be read: {exc.strerror}. Give this process the right to read it.") from exc
    except KeyFileMalformed as exc:
        raise ZoneBroken(f"The central key file {path} is damaged: {exc}. {WAY_OUT}") from exc


def central_keys_write(keys: dict[str, SealingKey]) -> None:
    """Replace the file in one step. If the setting names a link, its target is replaced. Raises: OSError."""
    replace(settings.CENTRAL_KEY_FILE.resolve(), central_key.written(keys.values()))
