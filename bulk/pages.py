"""Pages of bulk work: parse, ask a service, render."""

import contextlib
import csv
import uuid

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from bulk.actions import action_of_list, action_shown
from bulk.errors import ActionUnknown, BulkError
from bulk.lists import BulkItemList
from bulk.models import BulkItem, BulkWork
from bulk.selection import Selection, place_of
from bulk.services import bulk_begin, bulk_cancel, bulk_preview, secrets_take
from bulk.view_models import NewPage, SecretsPage, new_page, work_page
from people.sign_in.fresh_sign_in import fresh_sign_in
from web.errors import InputInvalid
from web.lists.downloads import cell
from web.lists.listed import Listed
from web.page import PageRequest, form_id, page

ITEMS = BulkItem.objects.defer("sealed_secret", "payload")


@page("bulk.view_bulkwork")
@require_POST
def new(request: PageRequest) -> HttpResponse:
    """The preview of an action on the rows that were chosen in a list. Its form begins the work."""
    try:
        action = action_of_list(request.POST.get("action", ""))
    except ActionUnknown as exc:
        raise Http404 from exc
    request.actor.require(action.permission)
    now, confirmed = timezone.now(), "confirmed" in request.POST
    chosen = Selection.sent(request.POST)
    try:
        preview = bulk_preview(actor=request.actor, action=action, subjects=chosen.subjects(action, now=now), now=now)
    except InputInvalid as exc:
        return render(
            request,
            "bulk/new.html",
            {"page": NewPage(action, chosen, error=str(exc)), "belongs_to": reverse(place_of(action).view)},
            status=400,
        )
    form = action.form(request.POST if confirmed else None, typed=str(len(preview.possible)) if action.danger else "")
    shown = new_page(preview, chosen, sent=request.POST if confirmed else None)
    if confirmed and form.is_valid() and not shown.error:
        work = bulk_begin(
            actor=request.actor, action=action, items=preview.items(), parameters=form.parameters(), request=form_id(request), now=now
        )
        return redirect("bulk:detail", pk=work.pk)
    context = {"page": shown, "form": form, "form_id": form_id(request), "belongs_to": reverse(place_of(action).view)}
    return render(request, "bulk/new.html", context, status=400 if confirmed else 200)


@page("bulk.view_bulkwork")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponseBase:
    work, now = get_object_or_404(BulkWork, pk=pk), timezone.now()
    listed = Listed(request, BulkItemList(work), ITEMS.filter(work=work), now=now)
    return listed.answer or listed.page("bulk/work.html", page=work_page(work, actor=request.actor), belongs_to=reverse("jobs:list"))


@page("bulk.view_bulkwork")
@require_POST
def cancel(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    work = get_object_or_404(BulkWork, pk=pk)
    with contextlib.suppress(BulkError):  # it has ended, or another person was first: the page shows which
        bulk_cancel(actor=request.actor, work=work, now=timezone.now())
    return redirect("bulk:detail", pk=pk)


@page("bulk.view_bulkwork")
@fresh_sign_in
def secrets(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """GET explains, POST shows the secrets and deletes them."""
    work = get_object_or_404(BulkWork, pk=pk)
    action, error, found = action_shown(work.action), "", tuple[tuple[BulkItem, str], ...]()
    if action is None or not action.secret:
        raise Http404
    if request.method == "POST":
        try:
            found = tuple(secrets_take(actor=request.actor, work=work, now=timezone.now()))
        except BulkError as exc:
            error = str(exc)
        if found and "file" in request.POST:
            return _file(action.secret, found)
    shown = SecretsPage(work, action.secret, error, found)
    answer = render(request, "bulk/secrets.html", {"page": shown}, status=409 if error else 200)
    answer["Cache-Control"] = "no-store"
    return answer


def _file(secret: str, found: tuple[tuple[BulkItem, str], ...]) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{secret}s.csv"', "Cache-Control": "no-store"}
    answer = HttpResponse(content_type="text/csv", headers=headers)
    writer = csv.writer(answer)
    writer.writerow(["row", secret])
    writer.writerows((cell(item.label), cell(text)) for item, text in found)
    return answer
