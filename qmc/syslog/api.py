"""Syslog receivers in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import SyslogReceiver
from audit.syslog.models import PORT
from qmc.syslog.lists import ReceiverList
from qmc.syslog.services import LONGEST_CA, receiver_change, receiver_create, receiver_delete, receiver_test
from qmc.syslog.view_models import receiver_json, receiver_lines
from web.api import Input, StrictInteger, StrictText, View, list_query, operation, page_of


class SyslogReceiverChangeInput(Input):
    """What is left out stays unchanged."""

    name = StrictText()
    host = StrictText(help_text="a name or an IP address")
    port = StrictInteger(required=False, help_text=f"default: {PORT}")
    ca = StrictText(required=False, allow_blank=True, max_length=LONGEST_CA, help_text="certificates in PEM of private CAs")
    enabled = serializers.BooleanField(required=False, help_text="default: true")


class SyslogReceiverInput(SyslogReceiverChangeInput):
    from_first = serializers.BooleanField(required=False, help_text="whether it gets all events, or the next ones; default: true")


class SyslogReceiverOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    host = serializers.CharField()
    port = serializers.IntegerField()
    ca = serializers.CharField()
    enabled = serializers.BooleanField()
    sequence = serializers.IntegerField(help_text="the last event that it has taken")
    checkpoint = serializers.IntegerField(help_text="the last checkpoint that it has taken")
    waiting = serializers.IntegerField(help_text="events that it has not taken yet")
    delivered_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    next_attempt_at = serializers.DateTimeField(allow_null=True, help_text="of a receiver that fails")
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class SyslogTestOutput(serializers.Serializer[Any]):
    problem = serializers.CharField(help_text="why the message was not taken, and what to do; empty if it was taken")


def _answer(receiver: SyslogReceiver, status: int = 200) -> Response:
    (line,) = receiver_lines([receiver], now=timezone.now())
    return Response(receiver_json(line), status=status)


class SyslogReceivers(View):
    """The syslog servers that get the audit log."""

    @operation(page_of(SyslogReceiverOutput), query=list_query(ReceiverList), operation_id="syslog_receivers_list")
    def get(self, request: Request) -> Response:
        self.actor.require("audit.view_syslogreceiver")
        return self.listed(ReceiverList(), SyslogReceiver.objects.all())

    @operation({201: SyslogReceiverOutput}, body=SyslogReceiverInput)
    def post(self, request: Request) -> Response:
        return _answer(receiver_create(actor=self.actor, now=timezone.now(), **self.body), 201)


class SyslogReceiverDetail(View):
    """One receiver."""

    @operation(SyslogReceiverOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("audit.view_syslogreceiver")
        return _answer(get_object_or_404(SyslogReceiver, pk=pk))

    @operation(SyslogReceiverOutput, body=SyslogReceiverChangeInput, partial=True)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        receiver = get_object_or_404(SyslogReceiver, pk=pk)
        return _answer(receiver_change(actor=self.actor, receiver=receiver, now=timezone.now(), **self.body))

    @operation({204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        receiver_delete(actor=self.actor, receiver=get_object_or_404(SyslogReceiver, pk=pk), now=timezone.now())
        return Response(status=204)


class SyslogReceiverTest(View):
    """Send a test message to a receiver."""

    @operation(SyslogTestOutput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        problem = receiver_test(actor=self.actor, receiver=get_object_or_404(SyslogReceiver, pk=pk), now=timezone.now())
        return Response({"problem": problem})
