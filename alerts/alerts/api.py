"""Alerts in the REST API."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.alerts.lists import AlertList, alert_json
from alerts.alerts.services import alert_acknowledge
from alerts.models import Alert, Message, QueuedMessage
from alerts.states import AlertState, Change, DeliveryState
from attention.needs import Severity
from web.api import Input, StrictText, View, list_query, operation, page_of

SEVERITIES = [severity.value for severity in Severity]
MOST_MESSAGES = 100


class AlertOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    code = serializers.CharField(help_text="stable; docs/troubleshooting.md lists them")
    subject = serializers.CharField(help_text="the node, certificate or export")
    state = serializers.ChoiceField(choices=AlertState.values)
    severity = serializers.ChoiceField(choices=SEVERITIES)
    title = serializers.CharField()
    text = serializers.CharField(help_text="what happened, and why")
    remedy = serializers.CharField(help_text="what to do next")
    url = serializers.CharField(help_text="the console's page for it")
    since = serializers.DateTimeField(allow_null=True, help_text="the beginning of the cause, if it is known")
    threshold_days = serializers.FloatField(allow_null=True, help_text="the last expiry threshold that was passed")
    opened_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    returns = serializers.IntegerField(help_text="how often the cause was gone and came back")
    acknowledged_by = serializers.CharField()
    acknowledged_until = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(help_text="of the acknowledgement")


class MessageDeliveryOutput(serializers.Serializer[Any]):
    """One message for one channel."""

    channel = serializers.UUIDField()
    channel_name = serializers.CharField()
    due_at = serializers.DateTimeField(help_text="later than the message if the hours of the route begin later")
    superseded = serializers.BooleanField(help_text="a newer message about the alert was sent instead")
    delivery = serializers.UUIDField(allow_null=True, help_text="null while it waits. Its id is the id of the event for the receiver")
    state = serializers.ChoiceField(choices=DeliveryState.values)


class AlertMessageOutput(serializers.Serializer[Any]):
    """One change of an alert."""

    id = serializers.UUIDField()
    change = serializers.ChoiceField(choices=Change.values)
    at = serializers.DateTimeField()
    severity = serializers.ChoiceField(choices=SEVERITIES)
    title = serializers.CharField()
    text = serializers.CharField()
    remedy = serializers.CharField()
    actor = serializers.CharField(help_text="who acknowledged it")
    note = serializers.CharField()
    deliveries = MessageDeliveryOutput(many=True)


class AlertDetailOutput(AlertOutput):
    messages = AlertMessageOutput(many=True, help_text=f"the last {MOST_MESSAGES}, the newest first")


class AcknowledgeInput(Input):
    note = StrictText(required=False)
    until = serializers.DateTimeField(required=False, allow_null=True, help_text="no reminders until then. Default: until it is closed")


MESSAGE = ("change", "at", "severity", "title", "text", "remedy", "actor", "note")


def queued_json(queued: QueuedMessage) -> dict[str, Any]:
    return {
        "channel": str(queued.channel_id), "channel_name": queued.channel.name, "due_at": queued.due_at, "superseded": queued.superseded,
        "delivery": str(queued.delivery_id) if queued.delivery_id else None,
        "state": queued.delivery.state if queued.delivery else DeliveryState.WAITING,
    }  # fmt: skip


def message_json(message: Message, queued: Iterable[QueuedMessage]) -> dict[str, Any]:
    values = {name: getattr(message, name) for name in MESSAGE}
    return {"id": str(message.pk), **values, "deliveries": [queued_json(row) for row in queued]}


def alert_detail_json(alert: Alert) -> dict[str, Any]:
    """An alert with its last messages, and where each was sent."""
    messages = alert.messages.order_by("-number").prefetch_related("queued__channel", "queued__delivery")[:MOST_MESSAGES]
    return alert_json(alert) | {"messages": [message_json(message, message.queued.all()) for message in messages]}


class Alerts(View):
    """The alerts, the last opened first. Closed ones are kept for a while."""

    @operation(page_of(AlertOutput), query=list_query(AlertList), operation_id="alerts_list")
    def get(self, request: Request) -> Response:
        self.actor.require("alerts.view_alert")
        return self.listed(AlertList(), Alert.objects.ranked())


class AlertDetail(View):
    """One alert, with its messages and where they were sent."""

    @operation(AlertDetailOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("alerts.view_alert")
        return Response(alert_detail_json(get_object_or_404(Alert, pk=pk)))


class AlertAcknowledge(View):
    """Acknowledge an alert: a person works on it, and reminders pause."""

    @operation(AlertDetailOutput, body=AcknowledgeInput, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        alert = get_object_or_404(Alert, pk=pk)
        alert_acknowledge(actor=self.actor, alert=alert, now=timezone.now(), **self.body)
        return Response(alert_detail_json(alert))
