"""Revocation and revocation lists in the REST API."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.certificates.api import CertificateOutput
from certs.certificates.lists import certificate_json
from certs.models import Certificate, RevocationList
from certs.revocation.services import certificate_revoke, revocation_of
from pki.issuing.revocation_list import RevocationCode
from web.api import Choice, Input, View, operation


class RevokeInput(Input):
    reason = serializers.CharField(max_length=300)
    code = Choice(RevocationCode, default=RevocationCode.UNSPECIFIED.value)
    certificates = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="the ids that GET listed. Nothing is revoked if the list has changed"
    )


class RevocationOutput(serializers.Serializer[Any]):
    certificates = CertificateOutput(many=True, help_text="all certificates that would be revoked, the requested one first")
    refused = serializers.CharField(help_text="why it cannot be revoked, and what to do first; empty if it can")


class RevokedOutput(CertificateOutput):
    revoked = serializers.ListField(child=serializers.UUIDField(), help_text="all certificates that were revoked, the requested one first")


class CertificateCrl(View):
    """The newest revocation list of a root, as PEM."""

    @operation({(200, "application/x-pem-file"): str})
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponse:
        self.actor.require("certs.view_certificate")
        newest = get_object_or_404(RevocationList.objects.newest_of(pk))
        headers = {"Content-Disposition": 'attachment; filename="crl.pem"'}
        return HttpResponse(newest.pem(), content_type="application/x-pem-file", headers=headers)


class CertificateRevoke(View):
    """Revoke a certificate and its predecessors, with a reason."""

    @operation(RevocationOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """List the certificates that would be revoked, without changing anything."""
        self.actor.require("certs.revoke_certificate")
        now = timezone.now()
        plan = revocation_of(get_object_or_404(Certificate.objects.listed(), pk=pk), now=now)
        return Response(
            {"certificates": [certificate_json(certificate, now) for certificate in plan.certificates], "refused": plan.refused}
        )

    @operation(RevokedOutput, body=RevokeInput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        body, now = self.body, timezone.now()
        certificate = get_object_or_404(Certificate.objects.listed(), pk=pk)
        revoked = certificate_revoke(
            certificate=certificate, reason=body["reason"], code=RevocationCode(body["code"]), listed=body.get("certificates"),
            actor=self.actor, now=now,
        )  # fmt: skip
        return Response(certificate_json(revoked[0], now) | {"revoked": [str(row.pk) for row in revoked]})
