"""Pages of certificates: parse, ask a service, render."""

import uuid

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from certs.certificates.lists import CertificateList
from certs.certificates.view_models import certificate_page
from certs.models import Certificate
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("certs.view_certificate")
def certificate_list(request: PageRequest) -> HttpResponseBase:
    shown = Listed(request, CertificateList(), Certificate.objects.summaries(), now=timezone.now())
    return shown.page("certs/certificates/list.html")


@page("certs.view_certificate")
def certificate_detail(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate = get_object_or_404(Certificate.objects.listed().select_related("issuer"), pk=pk)
    now = timezone.now()
    return render(
        request, "certs/certificates/detail.html", {"page": certificate_page(certificate, actor=request.actor, now=now), "now": now}
    )


@page("certs.view_certificate")
def certificate_pem(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    certificate = get_object_or_404(Certificate.objects.listed(), pk=pk)
    name = f"{certificate.kind}-{certificate.serial[:12]}.pem"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(certificate.pem(), content_type="application/x-pem-file", headers=headers)
