"""Needs of backups."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from attention.expiring import Endless, Expiring, by_hand, expiring_register
from attention.needs import Look, Need, Severity, codes_register, needs_register
from attention.work import periodic_work
from backups.backup import BACKUP_PATIENCE, VERIFIED
from backups.schedule import last_failed
from certs.zone.services import zone_current
from nodes.inventory.counts import node_counts
from pki.core import clocks
from pki.core.commands import QMC

BACK_UP = f"Make one on the page Backups, or on the central node with `{QMC} backup FILE --verify`. Keep the file on another machine."

codes_register(
    {
        "backup-failed": "the trial restore of the last backup failed",
        "backup-old": "the last verified backup is more than seven days old",
        "backup-missing": "there is no verified backup",
        "backup-schedule": "the last scheduled backup failed",
    }
)


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """The last backup failed its trial restore, it is old, or there is none; or the last scheduled one failed."""
    yield from _of_schedule()
    now = look.now
    last = periodic_work().get(VERIFIED)
    made_at, why = (last.last_success, last.last_error.partition(": ")[2]) if last else (None, "")
    if why:
        code, title = "backup-failed", "The last backup failed its trial restore"
    elif made_at and now - made_at > BACKUP_PATIENCE:
        code, title = "backup-old", f"The last verified backup is {clocks.length(now - made_at)} old"
    elif made_at is None and node_counts().others:
        code, title = "backup-missing", "There is no verified backup"
    else:
        return
    text = why or "If you lose this machine, you cannot restore what changed after the last verified backup."
    yield Need(
        code,
        Severity.WARNING,
        "backup",
        title,
        text,
        BACK_UP,
        reverse("backups:list"),
        "Open backups",
        made_at,
        about=frozenset({"backup"}),
        by_date=code == "backup-old",
    )


def _of_schedule() -> Iterator[Need]:
    """The last scheduled backup failed."""
    if failed := last_failed():
        remedy = "Correct that, then make a backup on the page Backups, or wait for the next scheduled one."
        yield Need(
            "backup-schedule", Severity.WARNING, "schedule", "The last scheduled backup failed", failed.reason, remedy,
            reverse("backups:backup", args=[failed.pk]), "Show backup", failed.state_since,
        )  # fmt: skip


@expiring_register("certs.view_certificate")
def expiring(now: datetime) -> Iterator[Expiring | Endless]:
    """The last verified backup, or that there is none."""
    zone_name = zone_current().name
    last = periodic_work().get(VERIFIED)
    made_at = last.last_success if last else None
    if made_at is None:
        yield Endless(None, "backup", "no verified backup yet", zone_name, BACK_UP, needs_a_hand=node_counts().others > 0)
        return
    text = f"It has the state of {clocks.stamp(made_at)}. A backup is old after {BACKUP_PATIENCE.days} days. {BACK_UP}"
    yield Expiring(None, "backup", "last verified backup", zone_name, zone_name, made_at, made_at + BACKUP_PATIENCE, by_hand(text), "")
