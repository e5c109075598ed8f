"""Explain errors of the database: it is locked, full, unreachable, damaged or not initialized."""

import contextlib
import logging
import re
from collections.abc import Iterator

from django.db import DatabaseError, DataError, IntegrityError, transaction

from pki.core.commands import QMC

log = logging.getLogger(__name__)
AFTER = "Check whether your change was made, then try again."
# Message of SQLite, PostgreSQL or the system → its meaning and the remedy. The first match applies.
MEANINGS = (
    (
        r"deadlock detected",
        "Another change was made at the same moment, so the database canceled this one.",
        AFTER,
    ),
    (
        r"database (table )?is locked|lock timeout|canceling statement due to lock",
        "Another program has locked the database for longer than the console waits.",
        f"Find this program (a backup tool, a database browser) and close it. {AFTER}",
    ),
    (
        r"disk is full|no space left|disk quota|could not extend file",
        "The disk of the database is full.",
        f"Free space on it. {AFTER}",
    ),
    (
        r"readonly database|read-only",
        "The database cannot be changed: its file or its server is read-only.",
        f"Give the account of the console write permission, or end the server's read-only mode. {AFTER}",
    ),
    (
        r"malformed|not a database|disk i/o error|invalid page|could not read block",
        "The database is damaged, or its disk has errors.",
        f"Stop the console. Run `{QMC} check --deploy`, which reports the damage, and restore the last backup into an empty data directory.",
    ),
    (
        r"no such table|no such column|(relation|column) .* does not exist",
        "The database does not fit this version of the console: it has no site yet, or it was not migrated.",
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
UNKNOWN = ("The database answered with an unexpected error.", f"The log of the console has the message. {AFTER}")


@contextlib.contextmanager
def dispensable(what: str) -> Iterator[None]:
    """For a write that only notes that something was used: while the database takes no changes, what was asked for goes on without it."""
    try:
        with transaction.atomic():
            yield
    except DatabaseError as exc:
        if not is_unavailable(exc):
            raise
        log.warning("%s was not recorded: %s", what, exc)


def is_unavailable(exc: BaseException) -> bool:
    """Whether `exc` is a problem of the database itself, not of a row or a value."""
    return isinstance(exc, DatabaseError) and not isinstance(exc, (IntegrityError, DataError))


def meaning(exc: BaseException) -> tuple[str, str]:
    """The problem, and its remedy."""
    said = str(exc).lower()
    return next(((what, remedy) for pattern, what, remedy in MEANINGS if re.search(pattern, said)), UNKNOWN)


def detail(exc: BaseException) -> str:
    """Both in one text."""
    return " ".join(meaning(exc))
