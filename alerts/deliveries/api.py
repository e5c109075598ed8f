"""Deliveries of a channel in the REST API, test messages, and the preview of an alert."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.deliveries.lists import DeliveryList, delivery_json
from alerts.deliveries.preview import Preview, preview
from alerts.deliveries.services import delivery_test
from alerts.models import Channel
from alerts.routes.api import CodeField
from alerts.states import DeliveryState
from attention.needs import Severity
from web.api import Choice, Query, View, list_query, operation, page_of


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


class PreviewQuery(Query):
    code = CodeField(help_text="docs/troubleshooting.md lists them")
    severity = Choice(Severity)
    at = serializers.DateTimeField(required=False, help_text="when it is opened. Default: now")


class PreviewReceiverOutput(serializers.Serializer[Any]):
    channel = serializers.UUIDField()
    channel_name = serializers.CharField()
    due_at = serializers.DateTimeField(help_text="later than `at` if the hours of the route begin later")
    route = serializers.UUIDField(allow_null=True, help_text="null if the channel has no routes")
    title = serializers.CharField()
    text = serializers.CharField()
    url = serializers.CharField()


class PreviewOtherOutput(serializers.Serializer[Any]):
    channel = serializers.UUIDField()
    channel_name = serializers.CharField()
    reason = serializers.CharField(help_text="why it does not get the alert")


class AlertPreviewOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    severity = serializers.ChoiceField(choices=[severity.value for severity in Severity])
    at = serializers.DateTimeField()
    is_example = serializers.BooleanField(help_text="there was no such alert, so the texts are made up")
    receivers = PreviewReceiverOutput(many=True)
    others = PreviewOtherOutput(many=True, help_text="the channels that do not get it")


class ChannelDeliveries(View):
    """The deliveries of a channel, the newest first."""

    @operation(page_of(DeliveryOutput), query=list_query(DeliveryList), operation_id="alert_channel_deliveries_list")
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("alerts.view_channel")
        deliveries = get_object_or_404(Channel, pk=pk).deliveries.all()
        return self.listed(DeliveryList(), deliveries)


class ChannelTest(View):
    """Send a test message. Read the deliveries of the channel until its state is `sent` or `failed`."""

    @operation({202: DeliveryOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        delivery = delivery_test(actor=self.actor, channel=get_object_or_404(Channel, pk=pk), now=timezone.now())
        return Response(delivery_json(delivery), status=202)


def preview_json(found: Preview) -> dict[str, Any]:
    receivers = [
        {
            "channel": str(receiver.channel.pk), "channel_name": receiver.channel.name, "due_at": receiver.routed.due_at,
            "route": str(receiver.routed.route.pk) if receiver.routed.route else None,
            "title": receiver.message.title, "text": receiver.message.text, "url": receiver.message.url,
        }
        for receiver in found.receivers
    ]  # fmt: skip
    others = [{"channel": str(channel.pk), "channel_name": channel.name, "reason": reason} for channel, reason in found.others]
    plain = {name: getattr(found, name) for name in ("code", "severity", "at")}
    return plain | {"is_example": found.example, "receivers": receivers, "others": others}


class AlertPreview(View):
    """Who would get an alert, when, and what. Nothing is sent."""

    @operation(AlertPreviewOutput, query=PreviewQuery)
    def get(self, request: Request) -> Response:
        self.actor.require("alerts.view_channel")
        now = timezone.now()
        query = {"at": now} | self.query
        return Response(preview_json(preview(code=query["code"], severity=Severity(query["severity"]), at=query["at"], now=now)))
