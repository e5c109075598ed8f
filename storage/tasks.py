"""The periodic care of the database."""

from datetime import datetime, timedelta

from jobs.periodic import periodic_task
from storage.care import WHOLE, database_read_whole, upgrade_copies_remove

COPIES = "upgrade copies"


@periodic_task(name=WHOLE, label="Database check", period=timedelta(days=1), lease=timedelta(minutes=5))
def read_database(*, now: datetime) -> None:
    """Is the SQLite file whole? If not, that is a need on the overview."""
    database_read_whole()


@periodic_task(name=COPIES, label="Upgrade copies", period=timedelta(seconds=60), lease=timedelta(seconds=60))
def remove_upgrade_copies(*, now: datetime) -> None:
    """The copies of before an upgrade that nothing needs any more."""
    upgrade_copies_remove(now=now)
