"""Browser certificates in the REST API. Private keys and passphrases are accepted and never returned."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from nodes.browser_certificates.lists import BrowserCertificateList, browser_certificates_json
from nodes.browser_certificates.services import (
    KEY_TYPES,
    browser_certificate_answer,
    browser_certificate_choose,
    browser_certificate_delete,
    browser_certificate_request,
    browser_certificate_upload,
)
from nodes.browser_certificates.verdict import findings
from nodes.browser_certificates.view_models import BrowserStatus, browser_status
from nodes.errors import InputInvalid
from nodes.models import BrowserCertificate, Node
from nodes.states import BrowserCertificateState
from pki.core.lifetime import ExpiryStatus
from pki.foreign.uploaded import File
from web.api import LARGEST_FILE_TEXT, MOST_ITEMS, Choice, FindingOutput, Input, StrictText, View, list_query, operation, page_of
from web.reasons import ReasonField, ReasonListField

FILES = ("certificate", "chain", "private_key")
STATES = ["none", "on_its_way", "in_use", "fallen_back"]


class BrowserCertificateAnswerInput(Input):
    """Each file is PEM as it is, or anything in base64: PFX, DER, PKCS #7."""

    certificate = StrictText(max_length=LARGEST_FILE_TEXT)
    chain = StrictText(required=False, max_length=LARGEST_FILE_TEXT)
    private_key = StrictText(required=False, write_only=True, max_length=LARGEST_FILE_TEXT)
    passphrase = StrictText(required=False, write_only=True)


class BrowserCertificateInput(Input):
    """Either a certificate with its key, or `host_names` for which a key and a request are made."""

    name = StrictText(required=False)
    certificate = StrictText(required=False, max_length=LARGEST_FILE_TEXT, help_text="PEM text, or PFX, DER or PKCS #7 in base64")
    chain = StrictText(required=False, max_length=LARGEST_FILE_TEXT)
    private_key = StrictText(required=False, write_only=True, max_length=LARGEST_FILE_TEXT)
    passphrase = StrictText(required=False, write_only=True)
    host_names = serializers.ListField(child=StrictText(), required=False, max_length=MOST_ITEMS)
    key_type = Choice(KEY_TYPES, required=False)


class ChoiceInput(Input):
    thumbprint = StrictText(help_text='SHA-1 or SHA-256, however it was pasted; "" for the trust zone\'s own certificate')


class ChooserOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class BrowserCertificateOutput(serializers.Serializer[Any]):
    """A browser certificate, for the schema."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    source = serializers.ChoiceField(choices=BrowserCertificate.Source.values)  # type: ignore[assignment]
    state = serializers.ChoiceField(choices=BrowserCertificateState.values)
    subject = serializers.CharField()
    subject_alternative_names = serializers.ListField(child=serializers.CharField())
    key_type = serializers.CharField()
    thumbprint = serializers.CharField()
    sha256 = serializers.CharField()
    not_before = serializers.DateTimeField(allow_null=True)
    not_after = serializers.DateTimeField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)
    expiry_status = serializers.ChoiceField(choices=[*ExpiryStatus], allow_null=True)
    certificates = serializers.ListField(child=serializers.CharField())
    csr = serializers.CharField()
    notes = ReasonListField(child=serializers.CharField())
    chosen_for = ChooserOutput(many=True)
    created_at = serializers.DateTimeField()


class BrowserCertificateDetailOutput(BrowserCertificateOutput):
    findings = ReasonListField(child=FindingOutput())


class NodeChoiceOutput(serializers.Serializer[Any]):
    """The certificate that a node serves to browsers, from its last heartbeat."""

    thumbprint = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    problem = ReasonField()
    detail = ReasonField()
    remedy = ReasonField()
    certificate = serializers.UUIDField(allow_null=True)
    chosen_at = serializers.DateTimeField(allow_null=True)
    serves = serializers.ListField(child=serializers.CharField(), help_text="services of the node that serve it now")


def _answer(certificate: BrowserCertificate, status: int = 200) -> Response:
    now = timezone.now()
    found = findings(certificate, now=now) if certificate.is_ready else []
    content = browser_certificates_json([certificate], now)[0] | {"findings": [vars(finding) for finding in found]}
    return Response(content, status=status)


def choice_json(browser_status: BrowserStatus) -> dict[str, Any]:
    """The certificate that a node serves to browsers, in its pinned form."""
    return {
        "thumbprint": browser_status.thumbprint, "state": browser_status.state, "problem": browser_status.problem, "detail": browser_status.text, "remedy": browser_status.remedy,
        "certificate": str(browser_status.certificate.pk) if browser_status.certificate else None, "chosen_at": browser_status.since,
        "serves": list(browser_status.serves),
    }  # fmt: skip


def _files(given: dict[str, Any]) -> list[File]:
    return [File(name, given[name].encode()) for name in FILES if given.get(name)]


class BrowserCertificates(View):
    """Browser certificates and certificate requests. POST of an existing certificate completes it and answers 200."""

    @operation(page_of(BrowserCertificateOutput), query=list_query(BrowserCertificateList), operation_id="browser_certificates_list")
    def get(self, request: Request) -> Response:
        self.actor.require("nodes.view_browsercertificate")
        return self.listed(BrowserCertificateList(), BrowserCertificate.objects.all())

    @operation({201: BrowserCertificateDetailOutput, 200: BrowserCertificateDetailOutput}, body=BrowserCertificateInput, conflicts=True)
    def post(self, request: Request) -> Response:
        given, now = self.body, timezone.now()
        if ("certificate" in given) == ("host_names" in given):
            raise InputInvalid({"certificate": ["Send either a certificate with its key, or host_names for a request."]})
        named = {name: given[name] for name in ("name", "key_type") if name in given}
        if "host_names" in given:
            return _answer(browser_certificate_request(actor=self.actor, host_names=given["host_names"], now=now, **named), 201)
        named.pop("key_type", None)
        passphrase = given.get("passphrase", "")
        kept = browser_certificate_upload(actor=self.actor, files=_files(given), passphrase=passphrase, now=now, **named)
        return _answer(kept, 201 if kept.created_at == now else 200)


class BrowserCertificateDetail(View):
    """One browser certificate. DELETE is refused while a node uses it."""

    @operation(BrowserCertificateDetailOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("nodes.view_browsercertificate")
        return _answer(get_object_or_404(BrowserCertificate, pk=pk))

    @operation({204: None}, conflicts=True)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        certificate = get_object_or_404(BrowserCertificate, pk=pk)
        browser_certificate_delete(actor=self.actor, certificate=certificate, now=timezone.now())
        return Response(status=204)


class BrowserCertificateAnswer(View):
    """Add the certificate that an authority issued for a request, missing intermediates, or a replacement for the same key."""

    @operation(BrowserCertificateDetailOutput, body=BrowserCertificateAnswerInput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        given, certificate = self.body, get_object_or_404(BrowserCertificate, pk=pk)
        passphrase = given.get("passphrase", "")
        return _answer(
            browser_certificate_answer(
                actor=self.actor, certificate=certificate, files=_files(given), passphrase=passphrase, now=timezone.now()
            )
        )


class NodeBrowserCertificate(View):
    """The browser certificate of a node."""

    @operation(NodeChoiceOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("nodes.view_node")
        return Response(choice_json(browser_status(get_object_or_404(Node, pk=pk))))

    @operation(NodeChoiceOutput, body=ChoiceInput, conflicts=True)
    def put(self, request: Request, pk: uuid.UUID) -> Response:
        node = get_object_or_404(Node, pk=pk)
        chosen = browser_certificate_choose(actor=self.actor, node=node, now=timezone.now(), **self.body)
        return Response(choice_json(browser_status(chosen)))
