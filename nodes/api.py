"""Nodes in the REST API."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import Event
from certs.api import MOST_ITEMS, CertificateOutput, StrictInteger, StrictText, View, certificate_json, page_of
from certs.models import Certificate
from nodes.models import Node
from nodes.services.callers import callers_settle
from nodes.services.change import node_change
from nodes.services.decommission import node_decommission
from nodes.services.nodes import node_create
from nodes.services.preflight import preflight
from nodes.services.registration import node_register
from nodes.services.renewal import node_renew
from nodes.states import NodeState

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", location="header", description="any text; the same text for the same request, such as after an answer that was lost"
)


class NodeInput(serializers.Serializer[Any]):
    name = StrictText()
    host_name = StrictText()
    address = StrictText(required=False)
    distribution_port = StrictInteger(required=False)
    node_port = StrictInteger(required=False)
    subject_alternative_names = serializers.ListField(child=StrictText(), required=False, max_length=MOST_ITEMS)
    services = serializers.ListField(child=StrictText(), required=False, max_length=MOST_ITEMS)


class NodeChangeInput(NodeInput):
    """What can be changed, each alone. The host name is taken as long as it is the node's own."""


class NodeOutput(serializers.Serializer[Any]):
    """A node in its pinned form, for the schema."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    host_name = serializers.CharField()
    address = serializers.CharField()
    distribution_port = serializers.IntegerField()
    node_port = serializers.IntegerField()
    subject_alternative_names = serializers.ListField(child=serializers.CharField())
    services = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(choices=NodeState.values)
    state_reason = serializers.CharField()
    online = serializers.BooleanField()
    clock_offset_s = serializers.FloatField(allow_null=True)
    certificates = CertificateOutput(many=True)
    events_url = serializers.CharField()


class FindingOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    level = serializers.ChoiceField(choices=["ok", "warning", "blocker"])
    title = serializers.CharField()
    remedy = serializers.CharField()
    field = serializers.CharField()


class FindingsOutput(serializers.Serializer[Any]):
    findings = FindingOutput(many=True)


class CeremonyOutput(serializers.Serializer[Any]):
    """What registering answers, once."""

    password = serializers.CharField()
    setup_url = serializers.URLField()
    expires_at = serializers.DateTimeField()
    state = serializers.CharField()


class RenewalOutput(serializers.Serializer[Any]):
    generation = serializers.IntegerField()
    status = serializers.CharField()


class EventOutput(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    detail = serializers.DictField()


class NodeFilter(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=NodeState.values, required=False)
    search = serializers.CharField(required=False, max_length=100)


def nodes_json(nodes: Sequence[Node], now: datetime) -> list[dict[str, Any]]:
    """Nodes in their pinned form, with what they hold; one query for all certificates."""
    held: dict[uuid.UUID | None, list[Certificate]] = {}
    for certificate in Certificate.objects.listed().filter(holder_id__in=[node.pk for node in nodes]).order_by("-created_at"):
        held.setdefault(certificate.holder_id, []).append(certificate)
    return [_node_json(node, held.get(node.pk, []), now) for node in nodes]


def _answer(node: Node, status: int = 200) -> Response:
    return Response(nodes_json([node], timezone.now())[0], status=status)


def _node_json(node: Node, certificates: list[Certificate], now: datetime) -> dict[str, Any]:
    plain = (
        "name", "host_name", "address", "distribution_port", "node_port", "subject_alternative_names", "services", "state", "state_reason",
    )  # fmt: skip
    return {
        "id": str(node.pk),
        **{name: getattr(node, name) for name in plain},
        "online": node.online(now),
        "clock_offset_s": node.clock_offset_s,
        "certificates": [certificate_json(each, now) for each in certificates],
        "events_url": reverse("node-events", args=[node.pk]),
    }


class Nodes(View):
    """The nodes that are in use; with `state=decommissioned`, those that are not."""

    @extend_schema(operation_id="nodes_list", parameters=[NodeFilter], responses=page_of(NodeOutput))
    def get(self, request: Request) -> Response:
        self.actor.require("nodes.view_node")
        asked = NodeFilter(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows, now = Node.objects.present().select_related("observation"), timezone.now()
        if state := asked.validated_data.get("state"):
            rows = Node.objects.filter(state=state).select_related("observation")
        if text := asked.validated_data.get("search"):
            rows = rows.filter(Q(name__icontains=text) | Q(host_name__icontains=text) | Q(address__icontains=text))
        return self.paged(rows, lambda page: nodes_json(page, now))

    @extend_schema(request=NodeInput, responses={201: NodeOutput})
    def post(self, request: Request) -> Response:
        asked = NodeInput(data=request.data)
        asked.is_valid(raise_exception=True)
        node = node_create(actor=self.actor, now=timezone.now(), **asked.validated_data)
        return _answer(node, 201)


class NodePreflight(View):
    """What would stand in the way of a registration; nothing is created."""

    @extend_schema(request=NodeInput, responses=FindingsOutput)
    def post(self, request: Request) -> Response:
        asked = NodeInput(data=request.data)
        asked.is_valid(raise_exception=True)
        found = preflight(actor=self.actor, now=timezone.now(), **asked.validated_data)
        return Response({"findings": [vars(each) for each in found]})


class DecommissionInput(serializers.Serializer[Any]):
    lost = serializers.BooleanField(
        default=False, help_text="the machine was lost or taken over: its certificates are revoked as compromised"
    )


class NodeDetail(View):
    """One node; PATCH changes some of its fields, DELETE decommissions it."""

    @extend_schema(responses=NodeOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("nodes.view_node")
        return _answer(get_object_or_404(Node, pk=pk))

    @extend_schema(request=NodeChangeInput, responses=NodeOutput)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        node = get_object_or_404(Node, pk=pk)
        asked = NodeChangeInput(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        unknown = {str(name): value for name, value in dict(request.data).items() if name not in asked.fields}
        return _answer(node_change(actor=self.actor, node=node, now=timezone.now(), **asked.validated_data | unknown))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        node_decommission(actor=self.actor, node=get_object_or_404(Node, pk=pk), now=timezone.now())
        return Response(status=204)


class NodeDecommission(View):
    """End a node: its certificates are revoked, its name is free again."""

    @extend_schema(request=DecommissionInput, responses={202: NodeOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        asked = DecommissionInput(data=request.data)
        asked.is_valid(raise_exception=True)
        node = get_object_or_404(Node, pk=pk)
        node_decommission(actor=self.actor, node=node, now=timezone.now(), lost=asked.validated_data["lost"])
        return _answer(node, 202)


class NodeCallersSettled(View):
    """Say that one machine alone calls as this node: its next call begins anew, and it gets new keys again."""

    @extend_schema(request=None, responses=NodeOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        node = get_object_or_404(Node, pk=pk)
        callers_settle(actor=self.actor, node=node, now=timezone.now())
        return _answer(node)


class NodeRegister(View):
    """Start the registration, or a redistribution. The password is answered this once; a repeat with the same key gets it again for ten minutes."""

    @extend_schema(request=None, responses={202: CeremonyOutput}, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        asked = uuid.uuid5(pk, key) if key else None
        ceremony = node_register(actor=self.actor, node=get_object_or_404(Node, pk=pk), now=timezone.now(), request=asked)
        return Response(vars(ceremony), status=202, headers={"Cache-Control": "no-store"})


class NodeRenew(View):
    """New keys and certificates, delivered inside mutual TLS."""

    @extend_schema(request=None, responses={202: RenewalOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        renewal = node_renew(actor=self.actor, node=get_object_or_404(Node, pk=pk), now=timezone.now())
        return Response({"generation": renewal.generation, "status": renewal.status}, status=202)


class NodeEvents(View):
    """What happened to a node, newest first."""

    @extend_schema(responses=page_of(EventOutput))
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("nodes.view_node")
        get_object_or_404(Node, pk=pk)
        names = ("sequence", "at", "actor", "action", "detail")
        return self.paged(Event.objects.for_target(pk), lambda page: [{name: getattr(event, name) for name in names} for event in page])
