"""Pages of alerts: parse, call a service, render."""

import uuid
from datetime import datetime

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from alerts.alerts.lists import AlertList, MessageList
from alerts.alerts.services import alert_acknowledge
from alerts.board.forms import AcknowledgeForm
from alerts.board.view_models import AlertPage, AlertsPage, alert_rows, chips, history_lines
from alerts.channels.view_models import channel_lines
from alerts.errors import IllegalAlertTransition, InputInvalid, StaleAlert
from alerts.models import Alert, Channel
from alerts.states import AlertState
from alerts.watchdog.status import watchdog_status
from attention.needs import CODES
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("alerts.view_alert")
def alert_list(request: PageRequest) -> HttpResponseBase:
    now = timezone.now()
    closed = request.GET.get("state") == AlertState.CLOSED
    listed = Listed(request, AlertList(sort="-closed" if closed else "worst"), Alert.objects.recent(now).ranked(), now=now)
    if listed.answer:
        return listed.answer
    chosen = listed.form.cleaned_data.get("state") or AlertState.OPEN
    channels = channel_lines(Channel.objects.defer("secrets"), now=now)
    shown = AlertsPage(chosen, chips(now=now), alert_rows(listed.part.rows), channels, watchdog_status(now=now))
    return listed.page("alerts/board/list.html", page=shown)


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
    listed = Listed(request, MessageList(), alert.messages.prefetch_related("queued__channel", "queued__delivery"), now=now)
    saved = "saved" in request.GET and request.method == "GET"
    shown = AlertPage(alert, CODES.get(alert.code, ""), history_lines(listed.part.rows, now=now), saved)
    context = {"page": shown, "form": form, "listed": listed, "now": now}
    return render(request, "alerts/board/detail.html", context, status=400 if form.errors else 200)
