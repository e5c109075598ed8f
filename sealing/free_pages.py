"""Remove replaced values from an SQLite file."""

from django.db import OperationalError, connection


def free_pages_scrub() -> None:
    """Overwrite replaced and deleted values in the free parts of an SQLite file and in its log, so that a copy of the files does not contain them.

    PostgreSQL keeps them until it vacuums. Raises: OperationalError if another process uses the database.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise OperationalError("The database is in use, so its log cannot be emptied now.")
