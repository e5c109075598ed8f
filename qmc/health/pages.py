"""`/healthz` and `/readyz`: whether a process works, for supervisors and load balancers. They say nothing of the site."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from certs.zone.services import zone_current
from pki.core.errors import PKIError
from sealing.errors import TrustZoneError
from sealing.local_keys import key_ring, own_store

log = logging.getLogger(__name__)
KEPT_S = 1  # anybody may ask


class NotReady(Exception):
    """A part that does not work."""


def _database() -> None:
    zone_current()


def _keys() -> None:
    if not key_ring().keys:
        raise NotReady("no database key opens")


def _certificate() -> None:
    if own_store().service.not_valid_after_utc < timezone.now():
        raise NotReady("it has expired")


PARTS: dict[str, Callable[[], None]] = {"database": _database, "keys": _keys, "certificate": _certificate}


class _Kept:
    parts: dict[str, bool] = {}
    until = 0.0
    lock = threading.Lock()


def _works(name: str) -> bool:
    try:
        PARTS[name]()
    except (Error, TrustZoneError, PKIError, OSError, ValueError, KeyError, NotReady) as exc:
        log.warning("not ready: %s: %s", name, exc)
        return False
    return True


def parts() -> dict[str, bool]:
    """Whether each part works, at most a second ago."""
    with _Kept.lock:
        if time.monotonic() >= _Kept.until:
            _Kept.parts, _Kept.until = {name: _works(name) for name in PARTS}, time.monotonic() + KEPT_S
        return _Kept.parts


def _answer(text: str, status: int) -> HttpResponse:
    return HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", status=status, headers={"Cache-Control": "no-store"})


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. It asks nothing else, so that a supervisor does not restart it because the database is down."""
    return _answer("ok", 200)


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The process can do its work: 200, or 503 with a line for each part."""
    found = parts()
    lines = "\n".join(f"{name}: {'ok' if works else 'failed'}" for name, works in found.items())
    return _answer(lines, 200 if all(found.values()) else 503)
