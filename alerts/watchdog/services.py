"""Call the watchdog URL while all parts are well, so that the service behind it reports when the calls stop."""

import logging
from datetime import datetime

from agent.version import VERSION
from alerts.models import Rules
from alerts.watchdog.status import parts, watchdog_url
from outbound.errors import OutboundFailed
from outbound.http import send

log = logging.getLogger(__name__)
HEADERS = {"User-Agent": f"trust-zone-console/{VERSION}"}


def watchdog_call(*, now: datetime) -> None:
    """Call the URL, if there is one and all is well, and record the result. Raises: as `watchdog_url`."""
    if not (url := watchdog_url()):
        Rules.objects.exclude(watchdog_error="").update(watchdog_error="")  # of a URL that was removed
        return
    if problems := [f"{part.label}: {part.problem}" for part in parts(now=now) if part.problem]:
        log.warning("the watchdog is not called: %s", "; ".join(problems))
        return
    error = _called(url)
    if error:
        log.warning("the watchdog did not answer: %s", error)
        Rules.objects.update(watchdog_error=error[:500])
    else:
        Rules.objects.update(watchdog_called_at=now, watchdog_error="")


def _called(url: str) -> str:
    """The failure, without the path of the URL, or "" if there is none."""
    try:
        answer = send("GET", url, HEADERS)
    except (OutboundFailed, ValueError) as exc:
        return str(exc)
    return (
        ""
        if 200 <= answer.status < 300
        else f"The watchdog URL answers HTTP {answer.status}. Check the URL at the service that gave it to you."
    )
