"""The periodic care of the database."""

from datetime import datetime, timedelta

from jobs.periodic import periodic_task
from storage.care import WHOLE, database_read_whole, statistics_update, upgrade_copies_remove

COPIES, STATISTICS = "upgrade copies", "database statistics"


@periodic_task(name=WHOLE, label="Database check", period=timedelta(days=1), lease=timedelta(minutes=5))
def read_database(*, now: datetime) -> None:
    """Check the SQLite file for damage. The overview shows a problem."""
    database_read_whole()


@periodic_task(name=STATISTICS, label="Database statistics", period=timedelta(hours=1), lease=timedelta(minutes=1))
def update_statistics(*, now: datetime) -> None:
    """Let SQLite measure its tables."""
    statistics_update()


@periodic_task(name=COPIES, label="Upgrade copies", period=timedelta(seconds=60), lease=timedelta(seconds=60))
def remove_upgrade_copies(*, now: datetime) -> None:
    """Remove the copies from before an upgrade that are no longer needed."""
    upgrade_copies_remove(now=now)
