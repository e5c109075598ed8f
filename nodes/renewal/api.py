"""Renewals in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from nodes.models import Node
from nodes.renewal.services import node_renew
from nodes.states import RenewalStatus
from web.api import View, operation


class RenewalOutput(serializers.Serializer[Any]):
    generation = serializers.IntegerField()
    status = serializers.ChoiceField(choices=RenewalStatus.values)


class NodeRenew(View):
    """Renew a node: it gets new keys and certificates over mutual TLS."""

    @operation({202: RenewalOutput}, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        renewal = node_renew(actor=self.actor, node=get_object_or_404(Node, pk=pk), now=timezone.now())
        return Response({"generation": renewal.generation, "status": renewal.status}, status=202)
