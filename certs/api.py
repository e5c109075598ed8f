"""The trust zone in the REST API."""

import uuid
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.actors import Actor
from certs.models import Certificate, RevocationList
from certs.services.lifetime import clamped, lifetime_get, lifetime_preview, lifetime_set
from certs.services.revoke import certificate_revoke, revocation_of
from pki.revocation import RevocationCode
from pki.roles import Kind


class StrictInteger(serializers.IntegerField):
    """An integer and nothing that looks like one."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            raise serializers.ValidationError("An integer is needed.")
        return data


LONGEST_TEXT, MOST_ITEMS = 2000, 1000
LARGEST_FILE_TEXT = 512 * 1024  # a file of 256 KiB in base64, with room for line breaks


class StrictText(serializers.CharField):
    """A string as it was sent: not trimmed, not repaired; at most `LONGEST_TEXT` characters, where nothing else is said."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **{"max_length": LONGEST_TEXT} | options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("A string is needed.")
        if not data.isascii() and any("\ud800" <= each <= "\udfff" for each in data):
            raise serializers.ValidationError("This is not text: it holds half a character.")
        return data

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return data if data == "" else super().run_validation(data)


class LifetimeInput(serializers.Serializer[Any]):
    months = StrictInteger()


class LifetimeQuery(serializers.Serializer[Any]):
    months = serializers.IntegerField(required=False, help_text="adds what these months would mean, and sets nothing")


class RevokeInput(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300)
    code = serializers.ChoiceField(
        choices=[code.value for code in RevocationCode], default=RevocationCode.UNSPECIFIED.value,
        error_messages={"invalid_choice": f"Give one of {', '.join(RevocationCode)}, or leave it out."},
    )  # fmt: skip
    certificates = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="the ids that GET listed: nothing is revoked if it would be others by now"
    )


class CertificateFilter(serializers.Serializer[Any]):
    kind = serializers.CharField(required=False, max_length=100)
    status = serializers.CharField(required=False, max_length=100)
    node = serializers.UUIDField(required=False)
    expires_before = serializers.DateTimeField(required=False)
    search = serializers.CharField(required=False, max_length=100)


class CertificateOutput(serializers.Serializer[Any]):
    """A certificate in its pinned form, for the schema."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=[each.value for each in Kind])
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


class RevocationOutput(serializers.Serializer[Any]):
    certificates = CertificateOutput(many=True, help_text="everything that would be revoked, the named one first")
    refused = serializers.CharField(help_text="why it cannot be revoked, and what to do first; empty if it can")


class RevokedOutput(CertificateOutput):
    revoked = serializers.ListField(child=serializers.UUIDField(), help_text="everything that was revoked, the named one first")


class LifetimeOutput(serializers.Serializer[Any]):
    requested = serializers.IntegerField()
    months = serializers.IntegerField()
    minimum = serializers.IntegerField()
    maximum = serializers.IntegerField()


class NewEndOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    not_after = serializers.DateTimeField()
    cut = serializers.BooleanField(help_text="whether the end of its root cuts it")
    uncut = serializers.DateTimeField()


class NodeRenewalOutput(serializers.Serializer[Any]):
    node = serializers.UUIDField()
    name = serializers.CharField()
    due_at = serializers.DateTimeField()


class PreviewOutput(serializers.Serializer[Any]):
    certificates = NewEndOutput(many=True)
    renewals = serializers.IntegerField(help_text="nodes that get it by themselves, with their next certificates")
    first = NodeRenewalOutput(many=True)
    exports = serializers.IntegerField(help_text="exports, which get it only when somebody renews them")


class LifetimePreviewOutput(LifetimeOutput):
    preview = PreviewOutput(required=False)


def page_of(output: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The form of a paged list, for the schema."""
    name = output.__name__.replace("Output", "Page")
    return inline_serializer(name, {"results": output(many=True), "next": serializers.URLField(allow_null=True)})


def certificate_json(certificate: Certificate, now: datetime) -> dict[str, Any]:
    """The pinned form of a certificate."""
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


class Pages(PageNumberPagination):
    """`{"results": […], "next": …}`"""

    page_size, page_size_query_param, max_page_size = 50, "page_size", 500

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})


class View(APIView):
    """Parse → service → render; `actor` is who asks."""

    @property
    def actor(self) -> Actor:
        user = self.request.user
        token = self.request.auth
        return Actor("token", str(token), user) if token else Actor("user", user.get_username(), user)

    def paged(self, rows: Any, render: Any) -> Response:
        paginator = Pages()
        page: Any = paginator.paginate_queryset(rows, self.request, view=self)
        return paginator.get_paginated_response(render(page or []))


class Certificates(View):
    """Every certificate that was signed."""

    @extend_schema(operation_id="certificates_list", parameters=[CertificateFilter], responses=page_of(CertificateOutput))
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        asked = CertificateFilter(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted, rows = asked.validated_data, Certificate.objects.listed()
        names = {"kind": "kind", "status": "status", "node": "holder_id", "expires_before": "not_after__lt"}
        rows = rows.filter(**{names[name]: value for name, value in wanted.items() if name in names})
        if text := wanted.get("search"):
            rows = rows.filter(
                Q(subject__icontains=text) | Q(holder__icontains=text) | Q(serial__icontains=text) | Q(sha256__icontains=text)
            )
        now = timezone.now()
        return self.paged(rows, lambda page: [certificate_json(row, now) for row in page])


class CertificateDetail(View):
    """One certificate."""

    @extend_schema(responses=CertificateOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("certs.view_certificate")
        return Response(certificate_json(get_object_or_404(Certificate.objects.listed(), pk=pk), timezone.now()))


class CertificatePem(View):
    """The certificate as PEM."""

    @extend_schema(responses={(200, "application/x-pem-file"): str})
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponse:
        self.actor.require("certs.view_certificate")
        certificate = get_object_or_404(Certificate.objects.listed(), pk=pk)
        headers = {"Content-Disposition": f'attachment; filename="{certificate.kind}-{certificate.serial}.pem"'}
        return HttpResponse(certificate.pem(), content_type="application/x-pem-file", headers=headers)


class CertificateCrl(View):
    """The newest revocation list of a root, as PEM."""

    @extend_schema(responses={(200, "application/x-pem-file"): str})
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponse:
        self.actor.require("certs.view_certificate")
        newest = get_object_or_404(RevocationList.objects.newest_of(pk))
        headers = {"Content-Disposition": 'attachment; filename="crl.pem"'}
        return HttpResponse(newest.pem(), content_type="application/x-pem-file", headers=headers)


class CertificateRevoke(View):
    """Revoke a certificate and those that it took over from, with the reason."""

    @extend_schema(responses=RevocationOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """What would be revoked; nothing changes."""
        self.actor.require("certs.revoke_certificate")
        now = timezone.now()
        plan = revocation_of(get_object_or_404(Certificate.objects.listed(), pk=pk), now=now)
        return Response({"certificates": [certificate_json(each, now) for each in plan.certificates], "refused": plan.refused})

    @extend_schema(request=RevokeInput, responses=RevokedOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        asked = RevokeInput(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted, now = asked.validated_data, timezone.now()
        certificate = get_object_or_404(Certificate.objects.listed(), pk=pk)
        revoked = certificate_revoke(
            certificate=certificate, reason=wanted["reason"], code=RevocationCode(wanted["code"]), listed=wanted.get("certificates"),
            actor=self.actor, now=now,
        )  # fmt: skip
        return Response(certificate_json(revoked[0], now) | {"revoked": [str(each.pk) for each in revoked]})


class LifetimeSetting(View):
    """The lifetime of new certificates, in months."""

    @extend_schema(parameters=[LifetimeQuery], responses=LifetimePreviewOutput)
    def get(self, request: Request) -> Response:
        asked = LifetimeQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        if "months" not in asked.validated_data:
            return Response(vars(lifetime_get()))
        months = asked.validated_data["months"]
        preview = lifetime_preview(actor=self.actor, months=months, now=timezone.now())
        return Response(vars(clamped(months)) | {"preview": asdict(preview)})

    @extend_schema(request=LifetimeInput, responses=LifetimeOutput)
    def put(self, request: Request) -> Response:
        asked = LifetimeInput(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(vars(lifetime_set(actor=self.actor, months=asked.validated_data["months"], now=timezone.now())))
