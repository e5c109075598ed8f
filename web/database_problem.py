"""Why the database did not take a statement, in words: it is locked, full, away, broken or not prepared."""

import re

from django.db import DatabaseError, DataError, IntegrityError

from pki.core.commands import QMC

AFTER = "Check whether your change was made, then try again."
# What SQLite, PostgreSQL or the system says → what it means, and what to do. The first that fits counts.
MEANINGS = (
    (
        r"database (table )?is locked|deadlock detected|lock timeout|canceling statement due to lock",
        "Another program has locked the database for longer than the console waits.",
        f"Find that program (a backup tool, a database browser) and close it. {AFTER}",
    ),
    (
        r"disk is full|no space left|disk quota|could not extend file",
        "The disk of the database is full.",
        f"Free space on it. {AFTER}",
    ),
    (
        r"readonly database|read-only",
        "The database cannot be written: its file or its server is read-only.",
        f"Give the console's user the right to write it, or end the server's read-only mode. {AFTER}",
    ),
    (
        r"malformed|not a database|disk i/o error|invalid page|could not read block",
        "The database is damaged, or its disk fails.",
        f"Stop the console. Run `{QMC} check --deploy`, which says what is damaged, and restore the last backup into an empty data directory.",
    ),
    (
        r"no such table|no such column|(relation|column) .* does not exist",
        "The database does not fit this version of the console: there is no site in it yet, or it was not migrated.",
        f"Run `{QMC} init`, or start the site with `{QMC} up`, which migrates it.",
    ),
    (
        r"too many (clients|connections)|connection slots",
        "The database server has no free connection.",
        f"Raise its max_connections, or stop other clients. {AFTER}",
    ),
    (
        r"connection|connect |server closed|could not translate host|timeout expired|unable to open|starting up|shutting down|terminating",
        "The database cannot be reached.",
        f"Check that its server runs, or that its file and folder exist and can be read. {AFTER}",
    ),
)
UNKNOWN = ("The database does not answer as it should.", f"The console's log has its message. {AFTER}")


def is_unavailable(exc: BaseException) -> bool:
    """Whether `exc` is the database's own trouble, and no fault of a row or a value."""
    return isinstance(exc, DatabaseError) and not isinstance(exc, (IntegrityError, DataError))


def meaning(exc: BaseException) -> tuple[str, str]:
    """What happened, and the remedy."""
    said = str(exc).lower()
    return next(((what, remedy) for pattern, what, remedy in MEANINGS if re.search(pattern, said)), UNKNOWN)


def detail(exc: BaseException) -> str:
    """Both in one text."""
    return " ".join(meaning(exc))
