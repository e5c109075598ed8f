"""Whether the root is replaced automatically, in the REST API."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.roots.services import automatic_rotation_set
from certs.zone.services import zone_current
from web.api import Input, StrictBoolean, View, operation


class RootRotationInput(Input):
    automatic = StrictBoolean(help_text="whether the root is replaced automatically at half its lifetime")


class RootRotationOutput(serializers.Serializer[Any]):
    automatic = serializers.BooleanField()


class RootRotationSetting(View):
    """Whether the root is replaced automatically at half its lifetime."""

    @operation(RootRotationOutput)
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        return Response({"automatic": zone_current().rotates_by_itself})

    @operation(RootRotationOutput, body=RootRotationInput)
    def put(self, request: Request) -> Response:
        automatic_rotation_set(actor=self.actor, on=self.body["automatic"], now=timezone.now())
        return Response({"automatic": self.body["automatic"]})
