"""The pages of the audit log: parse, ask, render."""

import uuid

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from audit.exports.ranges import NotProved
from audit.models import CheckpointKey, Event
from audit.reasons import PERMISSION as REASONS
from qmc.audit_log.exports import KINDS, range_answer, selection_answer
from qmc.audit_log.forms import RangeForm
from qmc.audit_log.lists import EventList
from qmc.audit_log.view_models import audit_page, event_page, export_page
from web.lists.listed import Filtered
from web.page import PageRequest, number, page

PERMISSION = "audit.view_event"


@page(PERMISSION)
def event_list(request: PageRequest) -> HttpResponseBase:
    """A part of the log. `cursor` is a sequence number, as in the API."""
    listed = Filtered(request, EventList(), Event.objects.all(), now=timezone.now())
    before = number(request, "cursor")
    if listed.answer:
        return listed.answer
    shown = audit_page(listed.found, before=before, size=listed.size, actor=request.actor)
    older, newest = (listed.url(cursor=cursor) if cursor or before else "" for cursor in (shown.older, None))
    return listed.page("qmc/audit_log/list.html", page=shown, older_url=older if shown.older else "", newest_url=newest)


@page(PERMISSION)
def export(request: PageRequest) -> HttpResponseBase:
    """Export a range, or the events that the filters of the address leave. `format` is sent for these."""
    request.actor.require(REASONS)
    now = timezone.now()
    listed, kind, refusal = Filtered(request, EventList(), Event.objects.all(), now=now), request.POST.get("format", ""), ""
    form = RangeForm(request.POST if request.method == "POST" and not kind else None)
    try:
        if kind in KINDS:
            return selection_answer(actor=request.actor, wanted=listed.found, kind=kind, now=now)
        if form.is_valid():
            return range_answer(actor=request.actor, **form.cleaned_data, now=now)
    except NotProved as exc:
        refusal = str(exc)
    context = {"page": export_page(listed, refusal=refusal), "form": form, "listed": listed, "now": now}
    return render(request, "qmc/audit_log/export.html", context, status=409 if refusal else 400 if form.errors else 200)


@page(PERMISSION)
def public_key(request: PageRequest, name: str = "audit-log-public-key.pem") -> HttpResponse:
    """The key that verifies checkpoints and exports."""
    key = get_object_or_404(CheckpointKey)
    return HttpResponse(
        key.public_key, content_type="application/x-pem-file", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@page(PERMISSION)
def event_detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """One event: a page, or the part of it that unfolds in the list."""
    shown = event_page(get_object_or_404(Event, pk=pk), actor=request.actor)
    template = "qmc/audit_log/facts.html" if request.htmx else "qmc/audit_log/event.html"
    return render(request, template, {"page": shown, "now": timezone.now()})
