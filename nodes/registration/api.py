"""Registering and decommissioning nodes in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from nodes.inventory import api as inventory
from nodes.inventory.api import NodeInput, NodeOutput, node_answer
from nodes.models import Node
from nodes.registration.decommission import node_decommission
from nodes.registration.preflight import preflight
from nodes.registration.services import Ceremony, node_register
from nodes.states import NodeState
from web.api import FindingOutput, Input, View, operation
from web.secrets import SecretField


class FindingsOutput(serializers.Serializer[Any]):
    findings = FindingOutput(many=True)


class CeremonyOutput(serializers.Serializer[Any]):
    """The answer to a registration, given once."""

    password = SecretField()
    setup_url = serializers.URLField()
    expires_at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=NodeState.values)


def ceremony_json(ceremony: Ceremony) -> dict[str, Any]:
    """The answer to a registration, in the API's format."""
    return {name: getattr(ceremony, name) for name in ("password", "setup_url", "expires_at", "state")}


class NodePreflight(View):
    """Check whether a node can be registered. Nothing is created."""

    @operation(FindingsOutput, body=NodeInput)
    def post(self, request: Request) -> Response:
        found = preflight(actor=self.actor, now=timezone.now(), **self.body)
        return Response({"findings": [vars(finding) for finding in found.findings]})


class NodeRegister(View):
    """Start a registration or a redistribution. The answer has the password; a request with the same key gets it again while it is stored."""

    @operation({202: CeremonyOutput}, conflicts=True, repeats=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        ceremony = node_register(actor=self.actor, node=get_object_or_404(Node, pk=pk), now=timezone.now(), request=self.request_key)
        return Response(ceremony_json(ceremony), status=202, headers={"Cache-Control": "no-store"})


class DecommissionInput(Input):
    lost = serializers.BooleanField(
        default=False, help_text="the machine was lost or taken over: its certificates are revoked with the reason key compromise"
    )


class NodeDecommission(View):
    """Decommission a node. Its certificates are revoked, and its name can be used again."""

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
