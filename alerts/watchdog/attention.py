"""Needs of the watchdog."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import F
from django.urls import reverse

from alerts.watchdog.status import unreachable
from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys

codes_register({"watchdog-unreachable": "the watchdog URL does not answer"})


@affected_register("watchdog-unreachable")
def _affected(now: datetime) -> Keys:
    return unreachable(now).values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """The watchdog URL does not answer, so a dead console would not be noticed."""
    for rules in unreachable(look.now) if look.has("watchdog-unreachable") else ():
        yield Need(
            "watchdog-unreachable", Severity.WARNING, "watchdog", "The watchdog URL does not answer", rules.watchdog_error,
            "Correct the URL, or allow the connection in the firewall.", reverse("alert_rules"), "Show rules", rules.watchdog_called_at,
        )  # fmt: skip
