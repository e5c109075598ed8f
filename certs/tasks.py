"""The trust zone's periodic work."""

from datetime import datetime, timedelta

from django.utils import timezone

from audit.actors import SYSTEM
from certs.certificates.services import certificates_sweep
from certs.exports.services import archives_wipe
from certs.keys.pool import pool_fill
from certs.models import Certificate, TrustZone
from certs.revocation.lists import lists_ask_due
from jobs.models import Job
from jobs.periodic import periodic_task
from jobs.registry import MOST_PATIENCE

KEY_POOL, FILL_AT_MOST = "key pool", timedelta(seconds=60)


@periodic_task(
    name="certificate sweep",
    label="Certificate sweep",
    period=timedelta(seconds=30),
    lease=timedelta(seconds=30),
    patience=MOST_PATIENCE,
)
def sweep(*, now: datetime) -> None:
    """Fail certificates that were recorded and never signed, delete files of exports after a day, and request daily revocation lists."""
    certificates_sweep(Certificate.objects.all(), now=now)
    archives_wipe(actor=SYSTEM, now=now)
    lists_ask_due(now=now)


@periodic_task(
    name=KEY_POOL, label="Keys made ahead", period=timedelta(seconds=1), lease=FILL_AT_MOST, patience=MOST_PATIENCE, frees_lease=True
)
def fill_key_pool(*, now: datetime) -> None:
    """Make keys ahead while no job is due or running."""
    if TrustZone.objects.current() is None:
        return
    more = pool_fill(now=now)
    while timezone.now() < now + FILL_AT_MOST / 2 and not Job.objects.pressing(timezone.now()).exists():
        if next(more, None) is None:
            return
