"""Needs of the watchdog."""

from collections.abc import Iterator

from django.urls import reverse

from alerts.models import Rules
from alerts.watchdog.status import is_unreachable
from attention.needs import Look, Need, Severity, codes_register, needs_register

codes_register({"watchdog-unreachable": "the watchdog URL does not answer"})


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """The watchdog URL does not answer, so a dead console would not be noticed."""
    now = look.now
    for error, called_at in Rules.objects.values_list("watchdog_error", "watchdog_called_at") if is_unreachable(now=now) else ():
        yield Need(
            "watchdog-unreachable", Severity.WARNING, "watchdog", "The watchdog URL does not answer", error,
            "Correct the URL, or allow the connection in the firewall.", reverse("alert_rules"), "Show rules", called_at,
        )  # fmt: skip
