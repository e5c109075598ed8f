"""Pages of exports: parse, ask a service, render."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from audit.event_lines import LINES
from certs.errors import ArchiveGone
from certs.exports.forms import ExportForm, RenewForm
from certs.exports.lists import ExportList, exports_listed
from certs.exports.services import export_renew, export_revoke, exports_download, exports_request
from certs.exports.view_models import export_batch_page, export_download_page, export_form_page, export_history, export_page
from certs.models import Export
from certs.revocation.forms import RevokeForm
from people.sign_in.fresh_sign_in import fresh_sign_in
from pki.core.errors import PKIError
from pki.issuing.revocation_list import RevocationCode
from sealing.errors import TrustZoneError
from web.errors import InputInvalid
from web.forms import ServiceForm
from web.history import HistoryPage
from web.lists.listed import Listed
from web.page import PageRequest, number, page

T = TypeVar("T")
REGISTER = Export.objects.defer("archive", "sealed_password")


@page("certs.view_export")
def export_list(request: PageRequest) -> HttpResponseBase:
    now = timezone.now()
    return Listed(request, ExportList(), exports_listed(now), now=now).page("certs/exports/list.html")


def _asked(form: ServiceForm, ask: Callable[[datetime], T]) -> T | None:
    """Call the service. If it refuses, the form shows why."""
    if form.is_valid():
        try:
            return ask(timezone.now())
        except InputInvalid as exc:
            form.refuse(exc)
        except (TrustZoneError, PKIError) as exc:
            form.add_error(None, str(exc))
    return None


def _form(request: PageRequest, form: ServiceForm, export: Export | None = None) -> HttpResponse:
    now = timezone.now()
    context = {"page": export_form_page(export, now=now), "form": form, "now": now}
    return render(request, "certs/exports/form.html", context, status=400 if form.errors else 200)


@page("certs.add_export")
def create(request: PageRequest) -> HttpResponse:
    form = ExportForm(request.POST or None)

    def ask(now: datetime) -> list[Export]:
        return exports_request(actor=request.actor, machine_names=form.names(), options=form.options(), now=now)

    if request.method == "POST" and (made := _asked(form, ask)):
        return redirect("exports:batch", batch=made[0].batch)
    return _form(request, form)


@page("certs.renew_export")
def renew(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    export = get_object_or_404(REGISTER, pk=pk)
    form = RenewForm(request.POST or None, export=export)

    def ask(now: datetime) -> bool:
        export_renew(actor=request.actor, export=export, options=form.options(), now=now)
        return True

    if request.method == "POST" and _asked(form, ask):
        return redirect("exports:batch", batch=export.batch)
    return _form(request, form, export)


def _batch(batch: uuid.UUID) -> list[Export]:
    """Raises: Http404."""
    found = list(REGISTER.filter(batch=batch))
    if not found:
        raise Http404
    return found


@page("certs.view_export")
def progress(request: PageRequest, batch: uuid.UUID) -> HttpResponse:
    now = timezone.now()
    return render(request, "certs/exports/batch.html", {"page": export_batch_page(_batch(batch), now=now), "now": now})


@page("certs.view_export")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    export, now = get_object_or_404(REGISTER, pk=pk), timezone.now()
    return render(request, "certs/exports/detail.html", {"page": export_page(export, now=now), "now": now})


@page("certs.view_export")
def history(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    export = get_object_or_404(REGISTER, pk=pk)
    before = number(request, "before")
    lines = export_history(export, before, lines=2 * LINES)
    return render(
        request, "web/history.html", {"page": HistoryPage(str(export), reverse("exports:detail", args=[pk]), lines, before is None)}
    )


@page("certs.revoke_export")
def revoke(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    export, now = get_object_or_404(REGISTER, pk=pk), timezone.now()
    form = RevokeForm(request.POST or None)
    if form.is_valid():
        fields = form.cleaned_data
        try:
            export_revoke(actor=request.actor, export=export, reason=fields["reason"], code=RevocationCode(fields["code"]), now=now)
        except TrustZoneError as exc:
            form.add_error(None, str(exc))
        else:
            return redirect("exports:detail", pk=pk)
    context = {"page": export_page(export, now=now), "form": form, "now": now}
    status = 409 if form.non_field_errors() else 400 if form.errors else 200
    return render(request, "certs/exports/revoke.html", context, status=status)


@page("certs.download_export")
@fresh_sign_in
def download(request: PageRequest, batch: uuid.UUID) -> HttpResponse:
    """GET shows what the download contains, POST sends it. It asks for the password, so that a signed-in browser alone does not give away private keys."""
    exports, error = _batch(batch), ""
    if request.method == "POST":
        try:
            content = exports_download(actor=request.actor, exports=exports, now=timezone.now())
        except (ArchiveGone, TrustZoneError, PKIError) as exc:
            error = str(exc)
        else:
            headers = {"Content-Disposition": 'attachment; filename="exported-certificates.zip"', "Cache-Control": "no-store"}
            return HttpResponse(content, content_type="application/zip", headers=headers)
    now = timezone.now()
    context = {"page": export_download_page(exports, error=error, now=now), "now": now}
    return render(request, "certs/exports/download.html", context, status=409 if error else 200)
