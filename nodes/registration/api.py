"""Registering and decommissioning nodes in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from nodes.inventory import api as inventory
from nodes.inventory.api import NodeInput, NodeOutput, node_answer
from nodes.models import Node
from nodes.registration.decommission import node_decommission
from nodes.registration.preflight import preflight
from nodes.registration.services import node_register
from web.api import FindingOutput, Input, View, operation

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", location="header", description="any text; the same text for the same request, such as after an answer that was lost"
)


class FindingsOutput(serializers.Serializer[Any]):
    findings = FindingOutput(many=True)


class CeremonyOutput(serializers.Serializer[Any]):
    """What registering answers, once."""

    password = serializers.CharField()
    setup_url = serializers.URLField()
    expires_at = serializers.DateTimeField()
    state = serializers.CharField()


class NodePreflight(View):
    """What would stand in the way of a registration; nothing is created."""

    @operation(FindingsOutput, body=NodeInput)
    def post(self, request: Request) -> Response:
        found = preflight(actor=self.actor, now=timezone.now(), **self.body)
        return Response({"findings": [vars(each) for each in found]})


class NodeRegister(View):
    """Start the registration, or a redistribution. The password is answered this once; a repeat with the same key gets it again for ten minutes."""

    @operation({202: CeremonyOutput}, conflicts=True, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        asked = uuid.uuid5(pk, key) if key else None
        ceremony = node_register(actor=self.actor, node=get_object_or_404(Node, pk=pk), now=timezone.now(), request=asked)
        return Response(vars(ceremony), status=202, headers={"Cache-Control": "no-store"})


class DecommissionInput(Input):
    lost = serializers.BooleanField(
        default=False, help_text="the machine was lost or taken over: its certificates are revoked as compromised"
    )


class NodeDecommission(View):
    """End a node: its certificates are revoked, its name is free again."""

    @operation({202: NodeOutput}, body=DecommissionInput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        node = get_object_or_404(Node, pk=pk)
        node_decommission(actor=self.actor, node=node, now=timezone.now(), lost=self.body["lost"])
        return node_answer(node, 202)


class NodeDetail(inventory.NodeDetail):
    """One node; PATCH changes some of its fields, DELETE decommissions it."""

    @operation({204: None}, conflicts=True)
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        node_decommission(actor=self.actor, node=get_object_or_404(Node, pk=pk), now=timezone.now())
        return Response(status=204)
