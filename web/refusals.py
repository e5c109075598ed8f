"""Refused changes. The room that records them registers itself."""

from collections.abc import Callable

from django.http import HttpRequest

from audit.actors import PermissionRefused

READING = ("GET", "HEAD")
Recorder = Callable[[HttpRequest, PermissionRefused], None]
_recorders: list[Recorder] = []


def refusals_register(recorder: Recorder) -> Recorder:
    """Register the decorated function, which records a refused change."""
    _recorders.append(recorder)
    return recorder


def refused(request: HttpRequest, exc: PermissionRefused, *, changes: bool = False) -> None:
    """A service refused this request. It is recorded if the request was to change something. `changes`: it was, though its method only reads."""
    if changes or request.method not in READING:
        for recorder in _recorders:
            recorder(request, exc)
