"""The need of a receiver that does not take the audit log."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import F, QuerySet
from django.urls import reverse

from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from audit.models import SyslogReceiver
from pki.core import clocks

codes_register({"audit-log-not-delivered": "a syslog receiver does not take the audit log"})
FAILS_AFTER = timedelta(minutes=10)


def failing(now: datetime) -> "QuerySet[SyslogReceiver]":
    return SyslogReceiver.objects.filter(enabled=True, failing_since__lte=now - FAILS_AFTER)


@affected_register("audit-log-not-delivered")
def _affected(now: datetime) -> Keys:
    return failing(now).values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Receivers that have taken nothing for a while. Nothing is lost meanwhile."""
    for receiver in failing(look.now) if look.has("audit-log-not-delivered") else ():
        if receiver.failing_since:
            title = f"The receiver {receiver} has taken no event of the audit log for {clocks.length(look.now - receiver.failing_since)}"
            remedy = "Fix the cause, then send a test message from the page of the receiver. What waits is delivered then."
            url = reverse("syslog:receiver", args=[receiver.pk])
            yield Need(
                "audit-log-not-delivered", Severity.WARNING, receiver.name, title, receiver.last_error, remedy, url, "Show receiver",
                receiver.failing_since,
            )  # fmt: skip
