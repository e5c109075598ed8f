"""Celery's door to the trust zone's periodic work."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from audit.actors import SYSTEM
from certs.services.certificates import certificates_sweep
from jobs.services import periodic


@shared_task(ignore_result=True)
def sweep() -> None:
    """Certificates that were recorded and never signed."""
    now = timezone.now()
    with periodic(name="certificate sweep", every=timedelta(seconds=60), now=now) as ours:
        if ours:
            certificates_sweep(actor=SYSTEM, now=now)
