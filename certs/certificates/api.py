"""Certificates in the REST API."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.models import Certificate
from certs.states import CertificateStatus
from pki.core.roles import Kind
from web.api import Choice, ListQuery, View, operation, page_of


class CertificateFilter(ListQuery):
    kind = Choice(Kind, required=False)
    status = Choice(CertificateStatus.values, required=False)
    node = serializers.UUIDField(required=False)
    expires_before = serializers.DateTimeField(required=False)
    search = serializers.CharField(required=False, max_length=100)


class CertificateOutput(serializers.Serializer[Any]):
    """The format of a certificate, for the schema."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    role = serializers.CharField()
    subject = serializers.CharField()
    subject_alternative_names = serializers.ListField(child=serializers.CharField())
    serial = serializers.CharField()
    sha256 = serializers.CharField()
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()
    days_left = serializers.IntegerField()
    status = serializers.CharField()
    expiry_status = serializers.CharField()
    holder = serializers.CharField()
    issuer = serializers.UUIDField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    revocation_code = serializers.CharField(allow_blank=True)


def certificate_json(certificate: Certificate, now: datetime) -> dict[str, Any]:
    """A certificate in the API's format."""
    plain = ("kind", "role", "subject", "subject_alternative_names", "serial", "sha256", "not_before", "not_after", "status", "holder")
    return {
        "id": str(certificate.pk),
        **{name: getattr(certificate, name) for name in plain},
        "days_left": certificate.days_left(now),
        "expiry_status": certificate.expiry_status(now).value,
        "issuer": str(certificate.issuer_id) if certificate.issuer_id else None,
        "revoked_at": certificate.revoked_at,
        "revocation_code": certificate.revocation_code,
    }


class Certificates(View):
    """All signed certificates."""

    @operation(page_of(CertificateOutput), query=CertificateFilter, operation_id="certificates_list")
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        query, rows = self.query, Certificate.objects.listed()
        names = {"kind": "kind", "status": "status", "node": "holder_id", "expires_before": "not_after__lt"}
        rows = rows.filter(**{names[name]: value for name, value in query.items() if name in names})
        if text := query.get("search"):
            rows = rows.filter(
                Q(subject__icontains=text) | Q(holder__icontains=text) | Q(serial__icontains=text) | Q(sha256__icontains=text)
            )
        now = timezone.now()
        return self.paged(rows, lambda page: [certificate_json(row, now) for row in page])


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
