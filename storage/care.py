"""Care of the database while the site runs: read it completely once a day, and remove copies from before an upgrade that are no longer needed."""

import contextlib
from datetime import UTC, datetime

from django.db import connection

from audit.actors import SYSTEM
from audit.record import record
from certs.central_key.services import resealing_is_finished
from certs.certificates.installed import installed_here
from certs.models import DatabaseKey, TrustZone
from jobs.models import PeriodicWork
from nodes.models import Node
from nodes.states import NodeState
from pki.core import clocks
from pki.core.clocks import BACKDATE
from pki.core.commands import QMC
from sealing.local_keys import key_ring_read, own_fingerprints, own_store
from storage.database_file import database_file, file_check, log_mark
from storage.upgrade import upgrade_copies

WHOLE = "database check"


def database_check_done(*, now: datetime) -> None:
    """The last complete check of the SQLite file, which found no damage."""
    found = {"lease_until": now, "last_success": now, "last_error": ""}
    PeriodicWork.objects.update_or_create(name=WHOLE, defaults=found)


def database_read_whole() -> None:
    """Read every page of an SQLite file. PostgreSQL checks its own files. Raises: FileDamaged, FileClosed."""
    if (file := database_file(connection)) is not None:
        file_check(file, full=True)
        log_mark(file)


def statistics_update() -> None:
    """Let SQLite measure its tables, so that it chooses the right index. PostgreSQL does this automatically."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 1000")  # rows of each index, which is enough for an estimate
            cursor.execute("ANALYZE")


def upgrade_copies_remove(*, now: datetime) -> None:
    """Remove the copies from before an upgrade, once everything is encrypted with the central key and every registered node has called since.

    Their values are encrypted with the database key, which every node has. Until then, the previous version may be needed again.
    """
    copies = upgrade_copies()
    if not copies or not resealing_is_finished():
        return
    made_at = datetime.fromtimestamp(max(copy.stat().st_mtime for copy in copies), UTC)
    if Node.objects.filter(state=NodeState.REGISTERED).exclude(observation__last_seen_at__gt=made_at).exists():
        return
    for copy in copies:
        copy.unlink()
    with contextlib.suppress(OSError):  # an administrator's own files are in it
        copies[0].parent.rmdir()
    record(
        actor=SYSTEM,
        action="upgrade.copies_removed",
        target=TrustZone.objects.get(),
        detail={"files": [copy.name for copy in copies]},
        now=now,
    )


def older_than_store() -> tuple[str, str] | None:
    """The problem that this machine's store has certificates that the database does not know, and the remedy. None if the database knows them.

    Certificates are recorded before they are signed, so the database is older than the store.
    """
    if installed_here().keys() == own_fingerprints():
        return None
    installed, at_hand = own_store(), key_ring_read().keys
    opens = all(version.key_id in at_hand for version in DatabaseKey.objects.live())
    repair = (
        f" To keep this database as it is, run `{QMC} repair_central`: it makes new certificates for the central node." if opens else ""
    )
    made_at = clocks.stamp(max(certificate.not_valid_before_utc for certificate in (installed.service, installed.client)) + BACKDATE)
    return (
        f"This machine's store has generation {installed.generation} of {made_at}, but the database does not know its certificates: an older "
        "database was restored. Certificates issued since then are refused, and values encrypted since then may not open.",
        f"Stop the site. Restore a backup from after {made_at} into an empty data directory (`{QMC} restore FILE --data-dir DIR`), or put back "
        f"the database that was there before. If the newest backup is older, restore it all the same: its database and store belong together.{repair}",
    )
