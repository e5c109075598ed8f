"""Pages of alerts: parse, call a service, render."""

import uuid
from datetime import datetime

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from alerts.alerts.services import alert_acknowledge
from alerts.board.filters import AlertFilter
from alerts.board.forms import AcknowledgeForm
from alerts.board.view_models import AlertPage, AlertsPage, alert_rows, chips, history_lines
from alerts.channels.view_models import channel_lines
from alerts.errors import IllegalAlertTransition, InputInvalid, StaleAlert
from alerts.models import Alert
from alerts.watchdog.status import watchdog_status
from attention.needs import CODES
from audit.event_lines import LINES
from web.page import ROWS, PageRequest, page, page_number


@page("alerts.view_alert")
def alert_list(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    found = AlertFilter(request.GET, queryset=Alert.objects.recent(now))
    part = Paginator(found.qs, ROWS).get_page(page_number(request))
    shown = AlertsPage(
        found.state_chosen,
        chips(now=now),
        alert_rows(list(part.object_list)),
        part,
        found.is_filtered,
        channel_lines(now=now),
        watchdog_status(now=now),
    )
    return render(request, "alerts/board/list.html", {"page": shown, "form": found.form, "now": now})


def _acknowledged(request: PageRequest, form: AcknowledgeForm, alert: Alert, now: datetime) -> bool:
    """Whether the alert was acknowledged. If not, the form has the reason."""
    if form.is_valid():
        try:
            fields = form.cleaned_data
            alert_acknowledge(actor=request.actor, alert=alert, note=fields["note"], until=form.until_after(now), now=now)
        except InputInvalid as exc:
            form.refuse(exc)
        except (IllegalAlertTransition, StaleAlert) as exc:
            form.add_error(None, str(exc))
        else:
            return True
    return False


@page("alerts.view_alert")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Show the alert, or acknowledge it."""
    alert, now = get_object_or_404(Alert, pk=pk), timezone.now()
    form = AcknowledgeForm(request.POST or None)
    if request.method == "POST" and _acknowledged(request, form, alert, now):
        return redirect(reverse("alerts:detail", args=[pk]) + "?saved")
    alert.refresh_from_db()
    messages = alert.messages.prefetch_related("queued__channel", "queued__delivery")
    part = Paginator(messages, LINES).get_page(page_number(request))
    saved = "saved" in request.GET and request.method == "GET"
    shown = AlertPage(alert, CODES.get(alert.code, ""), history_lines(part.object_list, now=now), part, saved)
    return render(request, "alerts/board/detail.html", {"page": shown, "form": form, "now": now}, status=400 if form.errors else 200)
