"""Deliveries of a channel in the REST API, and test messages."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.deliveries.services import delivery_test
from alerts.models import Channel, Delivery
from alerts.states import DeliveryState
from web.api import ListQuery, View, operation, page_of


class DeliveryOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="also the id of the event for the receiver")
    state = serializers.ChoiceField(choices=DeliveryState.values)
    title = serializers.CharField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    attempts = serializers.IntegerField()
    possible_repeat = serializers.BooleanField(help_text="an earlier attempt may have arrived")
    is_test = serializers.BooleanField()
    error = serializers.CharField(help_text="why the last attempt failed, and what to do")


PLAIN = ("state", "title", "created_at", "changed_at", "attempts", "possible_repeat", "is_test", "error")


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    return {"id": str(delivery.pk), **{name: getattr(delivery, name) for name in PLAIN}}


class ChannelDeliveries(View):
    """The deliveries of a channel, the newest first."""

    @operation(page_of(DeliveryOutput), query=ListQuery, operation_id="alert_channel_deliveries_list")
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("alerts.view_channel")
        deliveries = get_object_or_404(Channel, pk=pk).deliveries.all()
        return self.paged(deliveries, lambda page: [delivery_json(delivery) for delivery in page])


class ChannelTest(View):
    """Send a test message. Read the deliveries of the channel until its state is `sent` or `failed`."""

    @operation({202: DeliveryOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        delivery = delivery_test(actor=self.actor, channel=get_object_or_404(Channel, pk=pk), now=timezone.now())
        return Response(delivery_json(delivery), status=202)
