"""The pages of the audit log: parse, ask, render."""

import uuid

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from audit.exports.ranges import NotProved
from audit.exports.services import RangeReversed
from audit.models import CheckpointKey, Event, Segment
from audit.reading import events_shown
from audit.reasons import PERMISSION as REASONS
from audit.retention.services import KEPT, RetentionRefused, StaleSegment, segment_remove, segments_close, segments_planned
from audit.retention.services import PERMISSION as REMOVE
from people.sign_in.fresh_sign_in import fresh_sign_in
from qmc.audit_log.exports import KINDS, range_answer, selection_answer
from qmc.audit_log.forms import CloseForm, RangeForm, RemovalForm
from qmc.audit_log.lists import EventList, SegmentList
from qmc.audit_log.view_models import ClosePage, audit_page, event_page, export_page, removal_page, segments_page
from web.lists.listed import Filtered, Listed
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
    except RangeReversed as exc:
        form.add_error("last", str(exc))
    except NotProved as exc:
        refusal = str(exc)
    context = {"page": export_page(listed, refusal=refusal), "form": form, "listed": listed, "now": now}
    return render(request, "qmc/audit_log/export.html", context, status=409 if refusal else 400 if form.errors else 200)


@page(PERMISSION)
def public_key(request: PageRequest) -> HttpResponse:
    """The key that verifies checkpoints and exports."""
    key = get_object_or_404(CheckpointKey)
    headers = {"Content-Disposition": 'attachment; filename="audit-log-public-key.pem"'}
    return HttpResponse(key.public_key, content_type="application/x-pem-file", headers=headers)


@page(PERMISSION)
def event_detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """One event: a page, or the part of it that unfolds in the list."""
    found = events_shown(Event.objects.filter(pk=pk))
    if not found:
        raise Http404
    shown = event_page(found[0], actor=request.actor)
    template = "qmc/audit_log/facts.html" if request.htmx else "qmc/audit_log/event.html"
    return render(request, template, {"page": shown, "now": timezone.now()})


@page(PERMISSION)
def segment_list(request: PageRequest) -> HttpResponseBase:
    """The segments of the log: written to files, and removed."""
    listed = Listed(request, SegmentList(), Segment.objects.all(), now=timezone.now())
    return listed.page("qmc/audit_log/segments.html", page=segments_page())


@page(REMOVE)
def segments_new(request: PageRequest) -> HttpResponse:
    """Write the events before a day to files. `before` in the address shows what will happen."""
    now, shown, status = timezone.now(), ClosePage(), 200
    given = request.POST if request.method == "POST" else request.GET
    form = CloseForm(given if "before" in given or request.method == "POST" else None, initial={"before": (now - KEPT).date()})
    if form.is_valid():
        try:
            if request.method == "POST":
                segments_close(actor=request.actor, before=form.moment, now=now)
                return redirect("audit:segments")
            shown = ClosePage(segments_planned(actor=request.actor, before=form.moment, now=now))
        except (RetentionRefused, NotProved) as exc:
            shown, status = ClosePage(refusal=str(exc)), 409
    context = {"page": shown, "form": form, "now": now}
    return render(request, "qmc/audit_log/close.html", context, status=400 if form.errors else status)


@require_http_methods(["GET", "HEAD", "POST"])
@page(REMOVE)
@fresh_sign_in
def segment_removal(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """Decide by name that the events of a file are removed from the database."""
    segment, now, refusal = get_object_or_404(Segment, pk=pk), timezone.now(), ""
    form = RemovalForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            segment_remove(actor=request.actor, segment=segment, reason=form.cleaned_data["reason"], now=now)
            return redirect("audit:segments")
        except (RetentionRefused, StaleSegment) as exc:
            refusal = str(exc)
    context = {"page": removal_page(segment, refusal=refusal), "form": form, "now": now}
    return render(request, "qmc/audit_log/remove.html", context, status=409 if refusal else 400 if form.errors else 200)
