"""The types of new keys in the REST API."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.keys.policy import SELECTABLE
from certs.keys.services import key_types_of_site, key_types_set
from pki.core.roles import Kind
from web.api import Choice, Input, View, operation


class KeyTypesInput(Input):
    """Omitted kinds keep their type."""

    root = Choice(SELECTABLE[Kind.ROOT], required=False)  # type: ignore[assignment]
    service = Choice(SELECTABLE[Kind.SERVICE], required=False)
    client = Choice(SELECTABLE[Kind.CLIENT], required=False)
    cluster = Choice(SELECTABLE[Kind.CLUSTER], required=False)


class KeyTypesOutput(serializers.Serializer[Any]):
    root = serializers.ChoiceField(choices=SELECTABLE[Kind.ROOT])  # type: ignore[assignment]
    service = serializers.ChoiceField(choices=SELECTABLE[Kind.SERVICE])
    client = serializers.ChoiceField(choices=SELECTABLE[Kind.CLIENT])
    cluster = serializers.ChoiceField(choices=SELECTABLE[Kind.CLUSTER])


class KeyTypesSetting(View):
    """The types of new private keys, by the kind of certificate. QMC_KEY_TYPES overrides them."""

    @operation(KeyTypesOutput)
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        return Response(key_types_of_site())

    @operation(KeyTypesOutput, body=KeyTypesInput)
    def put(self, request: Request) -> Response:
        return Response(key_types_set(actor=self.actor, types=self.body, now=timezone.now()))
