"""The need of an audit log that was changed."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from audit.models import Mark
from pki.core.commands import QMC

codes_register({"audit-log-changed": "the audit log was changed after it was written"})


@affected_register("audit-log-changed")
def changed(now: datetime) -> Keys:
    return Mark.objects.exclude(problem="").values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """What the worker's check of the audit log found."""
    for mark in Mark.objects.exclude(problem="") if look.has("audit-log-changed") else ():
        text = f"{mark.problem[:1].upper()}{mark.problem[1:]}."
        remedy = f"Run `{QMC} verify_audit`. It reads every event. A worker checks again each minute."
        yield Need(
            "audit-log-changed", Severity.CRITICAL, "audit log", "The audit log was changed", text, remedy, reverse("overview"), "Reload"
        )  # fmt: skip
