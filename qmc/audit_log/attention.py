"""Needs of the audit log: it was changed, or it cannot be signed."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from attention.work import periodic_work
from audit.checkpoints.services import PATIENCE_TO_SIGN, unsigned_after
from audit.models import Finding
from audit.tasks import CHECK
from pki.core.commands import QMC

NAMED = 3
REMEDY = (
    f"Run `{QMC} verify_audit`, which reads every event and names all findings. Find out who wrote to the database or to the data directory. "
    f"If events or checkpoints are lost, or a file or the table differs, accept the gap: `{QMC} accept_audit_gap --reason TEXT`. Events that were edited, "
    "inserted, removed or put into another order stay findings until you restore a backup from before the change. The site continues to work."
)
UNSIGNED_REMEDY = (
    "If a cause is named, remove it: free space on the disk, put back the root passphrase, or correct the permissions. Otherwise start the workers of the "
    "central node. A worker tries again every few seconds, and then signs everything that was written meanwhile."
)

codes_register(
    {
        "audit-log-changed": "the audit log was changed after it was written",
        "audit-log-unsigned": "the audit log could not be signed",
    }
)


@affected_register("audit-log-changed")
def changed(now: datetime) -> Keys:
    return Finding.objects.order_by().values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """What a worker or `verify_audit` found, and why a worker could not sign."""
    url = reverse("audit:list")
    if look.has("audit-log-changed"):
        found = list(Finding.objects.all())
        texts = list(dict.fromkeys(one.text for one in found))
        more = [f"There are {len(texts) - NAMED} more findings."] if len(texts) > NAMED else []
        text = " ".join([*texts[:NAMED], *more])
        since = min((one.at for one in found), default=None)
        yield Need(
            "audit-log-changed", Severity.CRITICAL, "audit log", "The audit log was changed", text, REMEDY, url, "Open the audit log", since
        )
    if text := unsigned_cause(now=look.now):
        last = periodic_work().get(CHECK)
        yield Need(
            "audit-log-unsigned",
            Severity.WARNING,
            "audit log",
            "The audit log is not signed",
            text,
            UNSIGNED_REMEDY,
            url,
            "Open the audit log",
            last.last_success if last else None,
        )


def unsigned_cause(*, now: datetime) -> str:
    """Why the newest events are not signed, in a sentence; "" if they are, or if a finding is the cause."""
    last = periodic_work().get(CHECK)
    if last is not None and last.last_error:
        return f"The last checkpoint could not be signed: {last.last_error.partition(': ')[2]}"
    signed = unsigned_after(now=now)
    if signed is None or Finding.objects.filter(look=Finding.Look.NEW).exists():
        return ""
    return f"The events after {signed} are older than {PATIENCE_TO_SIGN.seconds // 60} minutes, and no worker has signed them."
