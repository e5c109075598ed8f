"""Needs of the database: it is damaged, or older than this machine's store."""

from collections.abc import Iterator

from django.urls import reverse

from attention.needs import Look, Need, Severity, codes_register, needs_register
from attention.work import periodic_work
from pki.core.commands import QMC
from storage.care import WHOLE, older_than_store

# An older database has neither the newest certificates nor the newest keys.
OF_AN_EARLIER_DATABASE = frozenset(
    {
        "node-silent", "no-node-calls", "node-two-callers", "caller-unknown", "node-certificate-revoked", "central-without-certificates",
        "central-key-unusable", "resealing-blocked", "trust-zone-broken", "rotation-blocked", "rotation-waits", "renewal-overdue",
        "node-renewal-failed", "node-registration-stuck", "node-serves-old-certificate",
    }
)  # fmt: skip

codes_register(
    {
        "database-damaged": "the SQLite file is damaged",
        "database-older-than-store": "an older database was put back",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Needs of the database itself."""
    url = reverse("overview")
    last = periodic_work().get(WHOLE)
    if last is not None and last.last_error:
        remedy = (
            "Stop the site. Move the database and the files beside it to another folder; do not delete them. Restore the last backup into an empty data "
            f"directory (`{QMC} restore FILE --data-dir DIR`). `{QMC} check --deploy` reads the database again."
        )
        text = last.last_error.partition(": ")[2]
        yield Need(
            "database-damaged",
            Severity.CRITICAL,
            "database",
            "The database is damaged",
            text,
            remedy,
            url,
            "Check again",
            last.last_success,
        )
    if found := older_than_store():
        title = "The database is older than this machine's store"
        yield Need(
            "database-older-than-store", Severity.CRITICAL, "database", title, *found, url, "Check again", explains=OF_AN_EARLIER_DATABASE
        )
