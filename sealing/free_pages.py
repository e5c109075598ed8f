"""What was replaced leaves an SQLite file for good."""

from django.db import OperationalError, connection


def free_pages_scrub() -> None:
    """Remove replaced and deleted values from the free parts of an SQLite file and from its log, where a copy of both would still hold them.

    PostgreSQL keeps them in dead rows until it vacuums. Raises: OperationalError if somebody is in the way.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise OperationalError("The database is in use, so its log cannot be emptied now.")
