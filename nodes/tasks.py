"""Celery's door to what happens by itself."""

import contextlib
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from certs.errors import ClockDoubtful
from certs.models import TrustZone
from jobs.services import periodic
from nodes.services.registration import passwords_wipe
from nodes.services.upkeep import calls_follow_clock, upkeep

UPKEEP, EVERY = "upkeep", timedelta(seconds=60)


@shared_task(ignore_result=True)
def look_after() -> None:
    """Renewals and a rotation of the root that are due; passwords that nobody asks for again are forgotten."""
    now = timezone.now()
    if TrustZone.objects.current() is None:
        return
    with periodic(name=UPKEEP, every=EVERY, now=now) as ours:
        if ours:
            passwords_wipe(now=now)
            calls_follow_clock(now=now)
            with contextlib.suppress(ClockDoubtful):  # the overview tells
                upkeep(now=now)
