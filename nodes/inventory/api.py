"""Nodes in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import Event
from audit.reasons import PERMISSION as REASONS
from certs.certificates.api import CertificateOutput
from nodes.inventory.change import node_change
from nodes.inventory.lists import NodeList, nodes_json
from nodes.inventory.services import SERVICES, node_create
from nodes.models import Node
from nodes.states import NodeState
from web.api import MOST_ITEMS, Choice, Input, ListQuery, StrictInteger, StrictText, View, list_query, operation, page_of
from web.lists.keyset import Rows, order_of
from web.reasons import ReasonField


class NodeInput(Input):
    name = StrictText()
    host_name = StrictText()
    address = StrictText(required=False)
    distribution_port = StrictInteger(required=False)
    node_port = StrictInteger(required=False)
    subject_alternative_names = serializers.ListField(child=StrictText(), required=False, max_length=MOST_ITEMS)
    services = serializers.ListField(child=Choice(SERVICES), required=False, max_length=MOST_ITEMS)
    tags = serializers.ListField(
        child=StrictText(), required=False, max_length=MOST_ITEMS, help_text="short words in lower case, by which nodes are found"
    )
    notes = StrictText(required=False)


class NodeChangeInput(NodeInput):
    """The fields that can be changed, each alone. The host name is taken as long as it is the node's own."""


class NodeOutput(serializers.Serializer[Any]):
    """A node in its pinned form, for the schema."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    host_name = serializers.CharField()
    address = serializers.CharField()
    distribution_port = serializers.IntegerField()
    node_port = serializers.IntegerField()
    subject_alternative_names = serializers.ListField(child=serializers.CharField())
    services = serializers.ListField(child=serializers.ChoiceField(choices=SERVICES))
    tags = serializers.ListField(child=serializers.CharField())
    notes = serializers.CharField()
    state = serializers.ChoiceField(choices=NodeState.values)
    state_reason = ReasonField()
    online = serializers.BooleanField()
    clock_offset_s = serializers.FloatField(allow_null=True)
    agent_version = serializers.CharField()
    agent_system = serializers.CharField()
    certificates = CertificateOutput(many=True)
    events_url = serializers.CharField()


class EventOutput(serializers.Serializer[Any]):
    sequence = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    detail = serializers.DictField()


def node_answer(node: Node, status: int = 200) -> Response:
    """One node in its pinned form."""
    return Response(nodes_json([node], timezone.now())[0], status=status)


class Nodes(View):
    """The nodes that are in use; with `state=decommissioned`, those that are not."""

    @operation(page_of(NodeOutput), query=list_query(NodeList), operation_id="nodes_list")
    def get(self, request: Request) -> Response:
        self.actor.require("nodes.view_node")
        return self.listed(NodeList(), Node.objects.with_report())

    @operation({201: NodeOutput}, body=NodeInput)
    def post(self, request: Request) -> Response:
        node = node_create(actor=self.actor, now=timezone.now(), **self.body)
        return node_answer(node, 201)


class NodeDetail(View):
    """One node; PATCH changes some of its fields. DELETE is added where nodes are decommissioned."""

    @operation(NodeOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("nodes.view_node")
        return node_answer(get_object_or_404(Node, pk=pk))

    @operation(NodeOutput, body=NodeChangeInput, partial=True, conflicts=True)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        node = get_object_or_404(Node, pk=pk)
        return node_answer(node_change(actor=self.actor, node=node, now=timezone.now(), **self.body))


class NodeEvents(View):
    """The history of a node, newest first."""

    @operation(page_of(EventOutput), query=ListQuery)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("nodes.view_node")
        self.actor.require(REASONS)
        get_object_or_404(Node, pk=pk)
        names, events = ("sequence", "at", "actor", "action", "detail"), Event.objects.for_target(pk)
        return self.placed(
            Rows(events, order_of(events, "-sequence", ["sequence"])),
            lambda page: [{name: getattr(event, name) for name in names} for event in page],
        )
