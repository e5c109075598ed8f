"""Revocation lists, as files."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from certs.models import RevocationList
from web.page import PageRequest, page


@page("certs.view_certificate")
def certificate_crl(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    newest = get_object_or_404(RevocationList.objects.newest_of(pk))
    headers = {"Content-Disposition": 'attachment; filename="crl.pem"'}
    return HttpResponse(newest.pem(), content_type="application/x-pem-file", headers=headers)
