"""Celery's door to the trust zone's periodic work."""

from datetime import datetime, timedelta

from celery import shared_task
from django.utils import timezone

from audit.actors import SYSTEM
from certs.models import TrustZone
from certs.services.certificates import certificates_sweep
from certs.services.exports import archives_wipe
from certs.services.key_pool import pool_fill
from certs.services.revocation import lists_ask_due
from jobs.models import Job
from jobs.services import lease_free, periodic

KEY_POOL, FILL_AT_MOST = "key pool", timedelta(seconds=60)


@shared_task(ignore_result=True)
def sweep() -> None:
    """Certificates that were recorded and never signed; files of exports that are a day old; revocation lists that are to be signed anew."""
    now = timezone.now()
    with periodic(name="certificate sweep", every=timedelta(seconds=60), now=now) as ours:
        if ours:
            certificates_sweep(actor=SYSTEM, now=now)
            archives_wipe(actor=SYSTEM, now=now)
            lists_ask_due(now=now)


@shared_task(ignore_result=True)
def fill_key_pool() -> None:
    """Make keys ahead while no job is due or at work."""
    with periodic(name=KEY_POOL, every=FILL_AT_MOST, now=timezone.now()) as ours:
        if ours:
            _fill(until=timezone.now() + FILL_AT_MOST / 2)
            lease_free(name=KEY_POOL)


def _fill(*, until: datetime) -> None:
    if TrustZone.objects.current() is None:
        return
    more = pool_fill(now=timezone.now())
    while timezone.now() < until and not Job.objects.pressing(timezone.now()).exists():
        if next(more, None) is None:
            return
