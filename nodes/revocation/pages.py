"""Pages that revoke a certificate: parse, call a service, render."""

import uuid

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from certs.models import Certificate
from certs.revocation.forms import RevokeForm
from certs.revocation.services import certificate_revoke
from nodes.revocation.lists import TouchedList
from nodes.revocation.view_models import ExposurePage, nodes_touched, revocation_page, secrets_beside
from pki.issuing.revocation_list import RevocationCode
from sealing.errors import TrustZoneError
from web.lists.listed import Listed
from web.page import PageRequest, page


@page("certs.revoke_certificate")
def revoke(request: PageRequest, pk: uuid.UUID) -> HttpResponseBase:
    certificate, now = get_object_or_404(Certificate.objects.listed(), pk=pk), timezone.now()
    listed = Listed(request, TouchedList(certificate), nodes_touched(certificate), now=now)
    if listed.answer is not None:
        return listed.answer
    form, error = RevokeForm(request.POST or None), ""
    if form.is_valid():
        asked = form.cleaned_data
        try:
            certificate_revoke(
                certificate=certificate, reason=asked["reason"], code=RevocationCode(asked["code"]), listed=asked["listed"],
                actor=request.actor, now=now,
            )  # fmt: skip
        except TrustZoneError as exc:
            error = str(exc)
        else:
            compromised = asked["code"] == RevocationCode.KEY_COMPROMISE and certificate.holder_id is not None
            return redirect("revocation:exposure" if compromised else "certs:detail", pk=pk)
    shown = revocation_page(certificate, error=error, actor=request.actor, now=now)
    context = {"page": shown, "form": form, "listed": listed, "now": now}
    return render(request, "nodes/revocation/revoke.html", context, status=409 if error else 400 if form.errors else 200)


@page("certs.view_certificate")
def exposure(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    """The other secrets on the machine whose private key was compromised."""
    certificate, now = get_object_or_404(Certificate.objects.listed().exclude(revoked_at=None), pk=pk), timezone.now()
    secrets = secrets_beside(certificate, since=certificate.revoked_at or now, actor=request.actor, now=now)
    context = {"page": ExposurePage(certificate, secrets), "now": now}
    return render(request, "nodes/revocation/certificate_exposure.html", context)
