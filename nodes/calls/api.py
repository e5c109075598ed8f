"""The limits of calls in the REST API."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from nodes.calls.services import call_limits_of_site, call_limits_set
from web.api import Input, StrictInteger, View, operation


class CallLimitsInput(Input):
    """An omitted limit stays."""

    least_s = StrictInteger(required=False, help_text="the fewest seconds between two calls of a node, 1 to 3600")
    most_s = StrictInteger(required=False, help_text="the most seconds between two calls of a node, 1 to 3600")


class CallLimitsOutput(serializers.Serializer[Any]):
    least_s = serializers.IntegerField()
    most_s = serializers.IntegerField()


class CallLimitsSetting(View):
    """How often nodes may call. QMC_HEARTBEAT_S and QMC_HEARTBEAT_MAX_S override it."""

    @operation(CallLimitsOutput)
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        return Response(asdict(call_limits_of_site()))

    @operation(CallLimitsOutput, body=CallLimitsInput)
    def put(self, request: Request) -> Response:
        return Response(asdict(call_limits_set(actor=self.actor, limits=self.body, now=timezone.now())))
