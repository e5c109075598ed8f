"""Pages of certificates: parse, ask a service, render."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from certs.filters import CertificateFilter
from certs.forms import LifetimeForm
from certs.models import Certificate, RevocationList
from certs.pages import PageRequest, page, table_for
from certs.services.export_standing import export_of
from certs.services.lifetime import clamped, lifetime_get, lifetime_preview, lifetime_set, zone_current
from certs.states import TRANSITIONS, CertificateStatus
from certs.tables import CertificateTable
from pki.describe import describe


@page("certs.view_certificate")
def certificate_list(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    found = CertificateFilter(request.GET, queryset=Certificate.objects.listed())
    table = table_for(request, CertificateTable, found.qs, now=now)
    return render(request, "certs/list.html", {"filter": found, "table": table, "now": now})


@page("certs.view_certificate")
def certificate_detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate = get_object_or_404(Certificate.objects.listed().select_related("issuer"), pk=pk)
    context = {
        "certificate": certificate, "now": timezone.now(), "newest": certificate.revocation_lists.signed().first(),
        "fields": describe(certificate.x509(), zone_current().database_key_oids),
        "export": export_of(certificate),
        "can_revoke": CertificateStatus.REVOKED in TRANSITIONS[CertificateStatus(certificate.status)] and certificate.issuer is not None,
    }  # fmt: skip
    return render(request, "certs/detail.html", context)


@page("certs.view_certificate")
def certificate_pem(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate = get_object_or_404(Certificate.objects.listed(), pk=pk)
    name = f"{certificate.kind}-{certificate.serial[:12]}.pem"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(certificate.pem(), content_type="application/x-pem-file", headers=headers)


@page("certs.view_certificate")
def certificate_crl(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    newest = get_object_or_404(RevocationList.objects.newest_of(pk))
    headers = {"Content-Disposition": 'attachment; filename="crl.pem"'}
    return HttpResponse(newest.pem(), content_type="application/x-pem-file", headers=headers)


@page("certs.view_certificate")
def lifetime(request: PageRequest) -> HttpResponse:
    """GET with months, and the button Preview, show what these would mean; Save sets them."""
    now, answer, shown = timezone.now(), None, lifetime_get().months
    asked = request.POST or ("months" in request.GET and request.GET) or None
    form = LifetimeForm(asked, initial={"months": shown})
    if asked and form.is_valid():
        shown = form.cleaned_data["months"]
        if request.method == "POST" and "preview" not in request.POST:
            answer = lifetime_set(actor=request.actor, months=shown, now=now)
            form, shown = LifetimeForm(initial={"months": answer.months}), answer.months
    preview = None if form.errors else lifetime_preview(actor=request.actor, months=shown, now=now)
    context = {"form": form, "answer": answer, "current": lifetime_get(), "asked": clamped(shown), "preview": preview, "now": now}
    return render(request, "certs/lifetime.html", context)
