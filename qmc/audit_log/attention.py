"""Needs of the audit log: it was changed, or it cannot be signed."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from attention.work import periodic_work
from audit.models import Finding
from audit.tasks import CHECK
from pki.core.commands import QMC

NAMED = 3
REMEDY = (
    f"Run `{QMC} verify_audit`, which reads every event and names all findings. Find out who wrote to the database or to the data directory. "
    f"If you restored an older database, accept the gap: `{QMC} accept_audit_gap --reason TEXT`. Until then no checkpoint is signed. The site goes on."
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
    last = periodic_work().get(CHECK)
    if last is not None and last.last_error:
        text = f"The last checkpoint could not be signed: {last.last_error.partition(': ')[2]}"
        remedy = "Solve that. A worker tries again every few seconds, and then signs everything that was written meanwhile."
        yield Need(
            "audit-log-unsigned",
            Severity.WARNING,
            "audit log",
            "The audit log is not signed",
            text,
            remedy,
            url,
            "Open the audit log",
            last.last_success,
        )
