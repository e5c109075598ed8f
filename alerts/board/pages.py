"""Pages of alerts: parse, call a service, render."""

import uuid

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from alerts.board.filters import AlertFilter
from alerts.board.view_models import AlertPage, AlertsPage, alert_rows, channel_line, chips, history_lines
from alerts.models import Alert, Channel
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
        [channel_line(channel, now=now) for channel in Channel.objects.all()],
    )
    return render(request, "alerts/board/list.html", {"page": shown, "form": found.form, "now": now})


@page("alerts.view_alert")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    alert, now = get_object_or_404(Alert, pk=pk), timezone.now()
    messages = alert.messages.prefetch_related("queued__channel", "queued__delivery")
    part = Paginator(messages, LINES).get_page(page_number(request))
    shown = AlertPage(alert, CODES.get(alert.code, ""), history_lines(part.object_list, now=now), part)
    return render(request, "alerts/board/detail.html", {"page": shown, "now": now})
