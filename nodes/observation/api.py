"""The callers of a node in the REST API."""

import uuid

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from nodes.inventory.api import NodeOutput, node_answer
from nodes.models import Node
from nodes.observation.callers import callers_settle
from web.api import View, operation


class NodeCallersSettled(View):
    """Confirm that only one machine calls as this node. Its next call starts a new sequence, and the node can get new keys again."""

    @operation(NodeOutput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        node = get_object_or_404(Node, pk=pk)
        callers_settle(actor=self.actor, node=node, now=timezone.now())
        return node_answer(node)
