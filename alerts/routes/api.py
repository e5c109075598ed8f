"""Routes of alerts in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.channels.models import Channel
from alerts.errors import InputInvalid
from alerts.routes.lists import RouteList, route_json
from alerts.routes.models import Route
from alerts.routes.services import route_change, route_create, route_delete
from attention.needs import CODES, Severity
from web.api import Choice, Input, StrictInteger, StrictText, View, list_query, operation, page_of

MOST_CODES = 100


class CodeField(serializers.CharField):
    """A known code."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        code = super().run_validation(data)
        if code not in CODES:
            raise serializers.ValidationError("There is no such code. docs/troubleshooting.md lists the codes.", "invalid")
        return code


class RouteInput(Input):
    channel = serializers.UUIDField()
    least_severity = Choice(Severity, required=False, help_text="default: warning")
    codes = serializers.ListField(
        child=StrictText(max_length=80),
        max_length=MOST_CODES,
        required=False,
        help_text="codes, or beginnings of codes with *. Default: all",
    )
    days = serializers.ListField(
        child=StrictInteger(), max_length=7, required=False, help_text="days of the week, 0 is Monday. Default: every day"
    )
    from_minute = StrictInteger(required=False, allow_null=True, help_text="minute of the day in `time_zone`. Null: the whole day")
    until_minute = StrictInteger(required=False, allow_null=True, help_text="an earlier minute than `from_minute` is on the next day")
    time_zone = StrictText(max_length=60, required=False, help_text="such as Europe/Berlin. Default: UTC")


class RouteOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    channel = serializers.UUIDField()
    channel_name = serializers.CharField()
    least_severity = serializers.ChoiceField(choices=[severity.value for severity in Severity])
    codes = serializers.ListField(child=serializers.CharField())
    days = serializers.ListField(child=serializers.IntegerField())
    from_minute = serializers.IntegerField(allow_null=True)
    until_minute = serializers.IntegerField(allow_null=True)
    time_zone = serializers.CharField()
    created_at = serializers.DateTimeField()


def _with_channel(body: dict[str, Any]) -> dict[str, Any]:
    """The body with the row of its channel. Raises: InputInvalid."""
    if "channel" not in body:
        return body
    channel = Channel.objects.filter(pk=body["channel"]).first()
    if channel is None:
        raise InputInvalid({"channel": ["There is no channel with this id. `GET /alert-channels/` lists them."]})
    return body | {"channel": channel}


class Routes(View):
    """The routes: which alerts go to which channel, and when."""

    @operation(page_of(RouteOutput), query=list_query(RouteList), operation_id="alert_routes_list")
    def get(self, request: Request) -> Response:
        self.actor.require("alerts.view_route")
        return self.listed(RouteList(), Route.objects.select_related("channel"))

    @operation({201: RouteOutput}, body=RouteInput)
    def post(self, request: Request) -> Response:
        self.actor.require("alerts.add_route")
        return Response(route_json(route_create(actor=self.actor, now=timezone.now(), **_with_channel(self.body))), status=201)


class RouteDetail(View):
    """One route."""

    @operation(RouteOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("alerts.view_route")
        return Response(route_json(get_object_or_404(Route.objects.select_related("channel"), pk=pk)))

    @operation(RouteOutput, body=RouteInput, partial=True)
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("alerts.change_route")
        route, changes = get_object_or_404(Route, pk=pk), _with_channel(self.body)
        return Response(route_json(route_change(actor=self.actor, route=route, now=timezone.now(), **changes)))

    @operation({204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        route_delete(actor=self.actor, route=get_object_or_404(Route.objects.select_related("channel"), pk=pk), now=timezone.now())
        return Response(status=204)
