"""The lifetime of new certificates in the REST API."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.lifetime.services import clamped, lifetime_get, lifetime_preview, lifetime_set
from web.api import Input, Query, StrictInteger, View, operation


class LifetimeInput(Input):
    months = StrictInteger()


class LifetimeQuery(Query):
    months = serializers.IntegerField(required=False, help_text="adds a preview for this lifetime, and changes nothing")


class LifetimeOutput(serializers.Serializer[Any]):
    requested = serializers.IntegerField()
    months = serializers.IntegerField()
    minimum = serializers.IntegerField()
    maximum = serializers.IntegerField()


class NewEndOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    not_after = serializers.DateTimeField()
    cut = serializers.BooleanField(help_text="whether it expires earlier because its root does")
    uncut = serializers.DateTimeField()


class NodeRenewalOutput(serializers.Serializer[Any]):
    node = serializers.UUIDField()
    name = serializers.CharField()
    due_at = serializers.DateTimeField()


class PreviewOutput(serializers.Serializer[Any]):
    certificates = NewEndOutput(many=True)
    renewals = serializers.IntegerField(help_text="nodes that get it automatically with their next renewal")
    first = NodeRenewalOutput(many=True)
    exports = serializers.IntegerField(help_text="exports get it only when you renew them")


class LifetimePreviewOutput(LifetimeOutput):
    preview = PreviewOutput(required=False)


class LifetimeSetting(View):
    """The lifetime of new certificates, in months."""

    @operation(LifetimePreviewOutput, query=LifetimeQuery)
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        if "months" not in self.query:
            return Response(vars(lifetime_get()))
        months = self.query["months"]
        preview = lifetime_preview(actor=self.actor, months=months, now=timezone.now())
        return Response(vars(clamped(months)) | {"preview": asdict(preview)})

    @operation(LifetimeOutput, body=LifetimeInput)
    def put(self, request: Request) -> Response:
        return Response(vars(lifetime_set(actor=self.actor, months=self.body["months"], now=timezone.now())))
