"""Celery's door to the care of the database."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from jobs.services import periodic
from qmc.services.database_care import WHOLE, database_read_whole, upgrade_copies_remove

COPIES = "upgrade copies"


@shared_task(ignore_result=True)
def read_database() -> None:
    """Once a day: is the SQLite file whole? If not, that is a need on the overview."""
    with periodic(name=WHOLE, every=timedelta(minutes=5), now=timezone.now()) as ours:
        if ours:
            database_read_whole()


@shared_task(ignore_result=True)
def remove_upgrade_copies() -> None:
    """The copies of before an upgrade that nothing needs any more."""
    now = timezone.now()
    with periodic(name=COPIES, every=timedelta(seconds=60), now=now) as ours:
        if ours:
            upgrade_copies_remove(now=now)
