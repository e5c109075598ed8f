"""Certificates in the REST API."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.certificates.lists import CertificateList, certificate_json
from certs.models import Certificate
from certs.states import CertificateStatus
from pki.core.lifetime import ExpiryStatus
from pki.core.roles import Kind, Role
from pki.issuing.revocation_list import RevocationCode
from web.api import View, list_query, operation, page_of


class CertificateOutput(serializers.Serializer[Any]):
    """The format of a certificate, for the schema."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    role = serializers.ChoiceField(choices=[*Role], allow_blank=True, help_text="empty: the kind has none")
    subject = serializers.CharField()
    subject_alternative_names = serializers.ListField(child=serializers.CharField())
    serial = serializers.CharField()
    sha256 = serializers.CharField()
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()
    days_left = serializers.IntegerField()
    status = serializers.ChoiceField(choices=CertificateStatus.values)
    expiry_status = serializers.ChoiceField(choices=[*ExpiryStatus])
    holder = serializers.CharField()
    issuer = serializers.UUIDField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revocation_code = serializers.ChoiceField(choices=[*RevocationCode], allow_blank=True, help_text="empty: not revoked")


class Certificates(View):
    """All signed certificates."""

    @operation(page_of(CertificateOutput), query=list_query(CertificateList), operation_id="certificates_list")
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        return self.listed(CertificateList(), Certificate.objects.summaries())


class CertificateDetail(View):
    """One certificate."""

    @operation(CertificateOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("certs.view_certificate")
        return Response(certificate_json(get_object_or_404(Certificate.objects.listed(), pk=pk), timezone.now()))


class CertificatePem(View):
    """The certificate as PEM."""

    @operation({(200, "application/x-pem-file"): str})
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponse:
        self.actor.require("certs.view_certificate")
        certificate = get_object_or_404(Certificate.objects.listed(), pk=pk)
        headers = {"Content-Disposition": f'attachment; filename="{certificate.kind}-{certificate.serial}.pem"'}
        return HttpResponse(certificate.pem(), content_type="application/x-pem-file", headers=headers)
