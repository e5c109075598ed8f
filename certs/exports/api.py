"""Exports in the REST API. It never returns passwords. Files cannot be downloaded here, because a token has no recent password check."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.exports.lists import ExportList, exports_json, exports_listed
from certs.exports.role import ROLES, export_role_give, export_role_take
from certs.exports.services import ExportOptions, export_renew, export_revoke, exports_request
from certs.models import Export
from certs.revocation.api import RevokeInput
from certs.states import ExportStatus
from people.sign_in.networks import MOST_NETWORKS
from pki.foreign.export import Format
from pki.issuing.revocation_list import RevocationCode
from web.api import MOST_ITEMS, Choice, Input, StrictBoolean, StrictText, View, list_query, operation, page_of


class ExportOptionsInput(Input):
    format = Choice(Format)
    password = StrictText(required=False, default="", allow_blank=True, write_only=True)
    include_secrets_key = StrictBoolean(
        required=False, default=False, help_text="include the database key. Private keys are always included"
    )
    include_ca = StrictBoolean(required=False, default=False)
    legacy = StrictBoolean(required=False, default=False, help_text="PFX for Windows Server 2016 and earlier")


class ExportInput(ExportOptionsInput):
    machine_names = serializers.ListField(child=StrictText(allow_blank=True), allow_empty=True, max_length=MOST_ITEMS)


class ExportRenewInput(Input):
    """Omitted fields keep their value. Only the password must be sent again."""

    password = StrictText(
        required=False, allow_blank=True, write_only=True,
        help_text="required if password_set is true. \"\" makes PEM files with private keys that are not encrypted",
    )  # fmt: skip
    format = Choice(Format, required=False)
    include_secrets_key = StrictBoolean(required=False)
    include_ca = StrictBoolean(required=False)
    legacy = StrictBoolean(required=False)


class ExportRoleInput(Input):
    role = Choice(ROLES)
    addresses = serializers.ListField(
        child=StrictText(),
        required=False,
        max_length=MOST_NETWORKS,
        help_text="IP addresses or networks from which it may call. Default: all",
    )
    expires_at = serializers.DateTimeField(required=False, help_text="default: in 90 days. At most a year away")


class ExportRoleOutput(serializers.Serializer[Any]):
    """The role in which the newest client certificate of an export calls the QRS-compatible API."""

    role = serializers.ChoiceField(choices=ROLES)
    addresses = serializers.ListField(child=serializers.CharField())
    given_at = serializers.DateTimeField()
    given_by = serializers.CharField()
    expires_at = serializers.DateTimeField()


class ExportOutput(serializers.Serializer[Any]):
    """The format of an export, for the schema."""

    id = serializers.UUIDField()
    machine_name = serializers.CharField()
    format = serializers.ChoiceField(choices=[file_format.value for file_format in Format])
    include_secrets_key = serializers.BooleanField()
    include_ca = serializers.BooleanField()
    legacy = serializers.BooleanField()
    password_set = serializers.BooleanField(help_text="whether its private keys are encrypted")
    status = serializers.ChoiceField(choices=ExportStatus.values)
    status_reason = serializers.CharField()
    generation = serializers.IntegerField()
    made_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField(allow_null=True)
    not_after = serializers.DateTimeField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)
    download_until = serializers.DateTimeField(allow_null=True, help_text="its files can be downloaded in the console until then")
    folder = serializers.CharField(help_text="path of its files on folder_host")
    folder_host = serializers.CharField(help_text="the machine that has the files on its disk")
    folder_problem = serializers.CharField()
    certificates = serializers.ListField(child=serializers.UUIDField())
    needs = serializers.CharField(help_text="what you must do. Empty if nothing")
    role = ExportRoleOutput(allow_null=True)


REGISTER = Export.objects.defer("archive", "sealed_password")
ASKED = inline_serializer("ExportsAsked", {"results": ExportOutput(many=True)})


class Exports(View):
    """The exports. POST requests one export for each machine name: all or none."""

    @operation(page_of(ExportOutput), query=list_query(ExportList), operation_id="exports_list")
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_export")
        return self.listed(ExportList(), exports_listed(timezone.now()))

    @operation({202: ASKED}, body=ExportInput)
    def post(self, request: Request) -> Response:
        now, machine_names = timezone.now(), self.body.pop("machine_names")
        made = exports_request(actor=self.actor, machine_names=machine_names, options=ExportOptions(**self.body), now=now)
        return Response({"results": exports_json(made, now)}, status=202)


class ExportDetail(View):
    """One export."""

    @operation(ExportOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("certs.view_export")
        return _answer(pk)


class ExportRenew(View):
    """New keys and certificates. The current certificates stay accepted until they expire or are revoked."""

    @operation({202: ExportOutput}, body=ExportRenewInput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        export = get_object_or_404(REGISTER, pk=pk)
        on_purpose = {"clear_on_purpose": self.body.get("password") == ""}
        held = {name: getattr(export, name) for name in ("format", "include_secrets_key", "include_ca", "legacy")}
        export_renew(actor=self.actor, export=export, options=ExportOptions(**held | self.body | on_purpose), now=timezone.now())
        return _answer(pk, status=202)


class ExportRevoke(View):
    """Revoke every certificate of an export, with the reason."""

    @operation(ExportOutput, body=RevokeInput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        export = get_object_or_404(REGISTER, pk=pk)
        export_revoke(
            actor=self.actor, export=export, reason=self.body["reason"], code=RevocationCode(self.body["code"]), now=timezone.now()
        )
        return _answer(pk)


class ExportRoleDetail(View):
    """The role of an export in the QRS-compatible API."""

    @operation(ExportOutput, body=ExportRoleInput, conflicts=True)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        export_role_give(actor=self.actor, export=get_object_or_404(REGISTER, pk=pk), now=timezone.now(), **self.body)
        return _answer(pk)

    @operation({204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        export_role_take(actor=self.actor, export=get_object_or_404(REGISTER, pk=pk), now=timezone.now())
        return Response(status=204)


def _answer(pk: uuid.UUID, status: int = 200) -> Response:
    return Response(exports_json([get_object_or_404(REGISTER, pk=pk)], timezone.now())[0], status=status)
