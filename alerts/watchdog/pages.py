"""The page of the rules of alerts."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from alerts.errors import InputInvalid
from alerts.rules.models import rules_current
from alerts.rules.services import rules_change
from alerts.watchdog.forms import RulesForm
from alerts.watchdog.status import ENVIRONMENT, WatchdogStatus, watchdog_status
from web.page import PageRequest, page


@dataclass(frozen=True)
class RulesPage:
    watchdog: WatchdogStatus
    saved: bool

    @property
    def is_overridden(self) -> bool:
        return self.watchdog.source == ENVIRONMENT


def _saved(request: PageRequest, form: RulesForm) -> bool:
    """Whether the rules were changed. If not, the form has the reason."""
    if form.is_valid():
        try:
            rules_change(actor=request.actor, now=timezone.now(), **form.changes())
        except InputInvalid as exc:
            form.refuse(exc)
        else:
            return True
    return False


@page("alerts.view_rules")
def rules(request: PageRequest) -> HttpResponse:
    """Show the rules, or change them."""
    now, form = timezone.now(), RulesForm(request.POST or None, rules=rules_current())
    if request.method == "POST" and _saved(request, form):
        return redirect(reverse("alert_rules") + "?saved")
    shown = RulesPage(watchdog_status(now=now), saved="saved" in request.GET and request.method == "GET")
    return render(request, "alerts/watchdog/rules.html", {"page": shown, "form": form, "now": now}, status=form.status)
