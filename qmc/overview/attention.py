"""Needs of the console's processes and of this machine's clock."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register, needs_register
from attention.work import periodic_work
from certs.roots.attention import LIFE
from certs.zone.services import zone_founded
from jobs.clock import NAME, clock_jump
from jobs.health import Health, health
from pki.core import clocks

codes_register(
    {
        "work-not-running": "periodic work has not succeeded for too long",
        "clock-jumped": "the central node's clock jumped",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Periodic work that does not run, and a jump of the clock."""
    now = look.now
    yield from _not_running(now)
    yield from _clock(now)


def running(now: datetime) -> list[Health]:
    """The health of periodic work. After the first start it has time to run."""
    zone = zone_founded()
    return health(periodic_work(), now=now, expected_since=zone.founded_at if zone else None)


def _not_running(now: datetime) -> Iterator[Need]:
    for work in running(now):
        if work.problem:
            remedy = "Check that the worker and beat processes run, and read their logs."
            text = "Registrations, renewals and revocation lists wait until it runs."
            yield Need(
                "work-not-running",
                Severity.CRITICAL,
                work.label,
                f"{work.label}: {work.problem}",
                text,
                remedy,
                reverse("overview"),
                "Check again",
                work.last_success,
                explains=LIFE,
            )


def jump_words(seconds: float) -> str:
    return f"The central node's clock jumped {clocks.length(timedelta(seconds=seconds))} {'ahead' if seconds > 0 else 'back'}"


def _clock(now: datetime) -> Iterator[Need]:
    jump = clock_jump(now=now) if NAME in periodic_work() else None
    if jump:
        at, seconds = jump
        text = f"The jump was noticed at {clocks.stamp(at)}. Leases and expiry dates may be wrong."
        explains = frozenset({"node-clock-off", "renewal-overdue", "clock-doubtful"})
        yield Need(
            "clock-jumped",
            Severity.CRITICAL,
            "central",
            jump_words(seconds),
            text,
            "Check its time source (NTP).",
            reverse("clock"),
            "Check the clock",
            at,
            explains,
        )
