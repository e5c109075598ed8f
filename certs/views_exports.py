"""Pages of exports: parse, ask a service, render."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from certs.errors import ArchiveGone, CertsError, InputInvalid
from certs.export_health import with_health
from certs.export_story import batch_story, export_history, export_story, in_the_clear, new_end
from certs.filters import ExportFilter
from certs.forms import RevokeForm, ServiceForm
from certs.forms_exports import ExportForm, RenewForm
from certs.fresh_sign_in import fresh_sign_in
from certs.history import LINES
from certs.models import Export
from certs.pages import PageRequest, page, page_number, table_for
from certs.services.export_standing import export_standings
from certs.services.exports import export_renew, export_revoke, exports_download, exports_request
from certs.tables import ExportTable
from pki.errors import PKIError
from pki.revocation import RevocationCode

T = TypeVar("T")
REGISTER = Export.objects.defer("archive", "sealed_password")


@page("certs.view_export")
def export_list(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    found = ExportFilter(request.GET, queryset=with_health(REGISTER.all(), now=now))
    table = table_for(request, ExportTable, found.qs, now=now)
    table.standings = {each.export.pk: each for each in export_standings(row.record for row in table.paginated_rows)}
    return render(request, "exports/list.html", {"filter": found, "table": table, "now": now})


def _asked(form: ServiceForm, ask: Callable[[datetime], T]) -> T | None:
    """What the service did; otherwise the form says why nothing was done."""
    if form.is_valid():
        try:
            return ask(timezone.now())
        except InputInvalid as exc:
            form.refuse(exc)
        except (CertsError, PKIError) as exc:
            form.add_error(None, str(exc))
    return None


def _form(request: PageRequest, template: str, form: ServiceForm, **context: Any) -> HttpResponse:
    now = timezone.now()
    told = {"form": form, "now": now, "end": new_end(now=now), **context}
    return render(request, template, told, status=400 if form.errors else 200)


@page("certs.add_export")
def create(request: PageRequest) -> HttpResponse:
    form = ExportForm(request.POST or None)

    def ask(now: datetime) -> list[Export]:
        return exports_request(actor=request.actor, machine_names=form.names(), wanted=form.wanted(), now=now)

    if request.method == "POST" and (made := _asked(form, ask)):
        return redirect("exports:batch", batch=made[0].batch)
    return _form(request, "exports/form.html", form)


@page("certs.renew_export")
def renew(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    export = get_object_or_404(REGISTER, pk=pk)
    form = RenewForm(request.POST or None, export=export)

    def ask(now: datetime) -> bool:
        export_renew(actor=request.actor, export=export, wanted=form.wanted(), now=now)
        return True

    if request.method == "POST" and _asked(form, ask):
        return redirect("exports:batch", batch=export.batch)
    return _form(request, "exports/form.html", form, export=export)


def _batch(batch: uuid.UUID) -> list[Export]:
    """Raises: Http404."""
    found = list(REGISTER.filter(batch=batch))
    if not found:
        raise Http404
    return found


@page("certs.view_export")
def progress(request: PageRequest, batch: uuid.UUID) -> HttpResponse:
    return render(request, "exports/batch.html", batch_story(_batch(batch), now=timezone.now()))


@page("certs.view_export")
def detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    return render(request, "exports/detail.html", export_story(get_object_or_404(REGISTER, pk=pk), now=timezone.now()))


@page("certs.view_export")
def history(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    export = get_object_or_404(REGISTER, pk=pk)
    told = export_history(export, page_number(request), lines=2 * LINES)
    return render(request, "parts/history.html", {"subject": export, "history": told, "back": reverse("exports:detail", args=[pk])})


@page("certs.revoke_export")
def revoke(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    export, now, error = get_object_or_404(REGISTER, pk=pk), timezone.now(), ""
    form = RevokeForm(request.POST or None)
    if form.is_valid():
        told = form.cleaned_data
        try:
            export_revoke(actor=request.actor, export=export, reason=told["reason"], code=RevocationCode(told["code"]), now=now)
        except CertsError as exc:
            error = str(exc)
        else:
            return redirect("exports:detail", pk=pk)
    context = export_story(export, now=now) | {"form": form, "error": error}
    return render(request, "exports/revoke.html", context, status=409 if error else 400 if form.errors else 200)


@page("certs.download_export")
@fresh_sign_in
def download(request: PageRequest, batch: uuid.UUID) -> HttpResponse:
    """GET says what comes, POST sends it; who finds a signed-in browser alone has no private keys yet."""
    exports, error = _batch(batch), ""
    if request.method == "POST":
        try:
            content = exports_download(actor=request.actor, exports=exports, now=timezone.now())
        except (ArchiveGone, CertsError, PKIError) as exc:
            error = str(exc)
        else:
            headers = {"Content-Disposition": 'attachment; filename="exported-certificates.zip"', "Cache-Control": "no-store"}
            return HttpResponse(content, content_type="application/zip", headers=headers)
    now = timezone.now()
    kept = [each for each in exports if each.is_kept(now)]
    context = {"batch": batch, "exports": kept, "clear": in_the_clear(kept), "error": error, "now": now}
    return render(request, "exports/download.html", context, status=409 if error else 200)
