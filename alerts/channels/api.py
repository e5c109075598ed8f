"""Channels in the REST API. Secrets are accepted and never returned, except for a generated one, which the answer to its creation has."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.channels.kinds import LONGEST_TEXT
from alerts.channels.lists import ChannelList, channel_json
from alerts.channels.models import Channel
from alerts.channels.services import STATE_CHANGES, channel_change, channel_create, channel_delete, generated_secrets
from alerts.errors import InputInvalid
from web.api import Choice, Input, StrictText, View, list_query, operation, page_of
from web.secrets import SecretsField

OWN_FIELDS = ("name", "kind", "enabled", "state_changes", "channel")
MOST_VALUES = 20


class ChannelChangeInput(Input):
    """If a secret is left out, it stays unchanged; null removes it."""

    name = StrictText()
    values = serializers.DictField(
        child=StrictText(max_length=LONGEST_TEXT, allow_null=True), help_text="the fields of the kind; docs/alerts.md lists them"
    )
    enabled = serializers.BooleanField(required=False, help_text="default: true")
    state_changes = serializers.ListField(
        child=Choice(STATE_CHANGES),
        required=False,
        max_length=len(STATE_CHANGES),
        help_text="whose changes of state a webhook gets, too; checkpoints: those of the audit log",
    )

    def validate_values(self, values: dict[str, str | None]) -> dict[str, str | None]:
        if len(values) > MOST_VALUES:
            raise serializers.ValidationError(f"No kind of channel has more than {MOST_VALUES} fields.")
        return values


class ChannelInput(ChannelChangeInput):
    kind = StrictText(max_length=20)


class ChannelOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.CharField()
    values = serializers.DictField(child=serializers.CharField(), help_text="the fields of the kind, without secrets")
    secrets_set = serializers.DictField(
        child=serializers.BooleanField(), help_text="whether each secret of the kind is set, and can be decrypted"
    )
    address = serializers.CharField(help_text="where it sends to, in a few words")
    enabled = serializers.BooleanField()
    state_changes = serializers.ListField(child=serializers.ChoiceField(choices=STATE_CHANGES))
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    last_sent_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    next_attempt_at = serializers.DateTimeField(allow_null=True, help_text="of a channel that fails")


class ChannelCreatedOutput(ChannelOutput):
    generated_secrets = SecretsField(child=serializers.CharField(), help_text="secrets that were generated. No other answer has them")


@contextmanager
def _values_named() -> Iterator[None]:
    """Name the fields of a kind as they are in the body. Raises: InputInvalid."""
    try:
        yield
    except InputInvalid as exc:
        raise InputInvalid({name if name in OWN_FIELDS else f"values.{name}": texts for name, texts in exc.errors.items()}) from exc


class Channels(View):
    """The channels: where alerts are sent."""

    @operation(page_of(ChannelOutput), query=list_query(ChannelList), operation_id="alert_channels_list")
    def get(self, request: Request) -> Response:
        self.actor.require("alerts.view_channel")
        return self.listed(ChannelList(), Channel.objects.all())

    @operation({201: ChannelCreatedOutput}, body=ChannelInput)
    def post(self, request: Request) -> Response:
        with _values_named():
            channel = channel_create(actor=self.actor, now=timezone.now(), **self.body)
        return Response(channel_json(channel) | {"generated_secrets": generated_secrets(channel, self.body["values"])}, status=201)


class ChannelDetail(View):
    """One channel."""

    @operation(ChannelOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("alerts.view_channel")
        return Response(channel_json(get_object_or_404(Channel, pk=pk)))

    @operation(ChannelOutput, body=ChannelChangeInput, partial=True)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        with _values_named():
            channel = channel_change(actor=self.actor, channel=get_object_or_404(Channel, pk=pk), now=timezone.now(), **self.body)
        return Response(channel_json(channel))

    @operation({204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        channel_delete(actor=self.actor, channel=get_object_or_404(Channel, pk=pk), now=timezone.now())
        return Response(status=204)
