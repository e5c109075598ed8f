"""Rotations in the REST API."""

import uuid
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.api import View, page_of
from certs.models import Rotation
from nodes.key_story import rotation_story
from nodes.services.key_rotation import rotation_pause, rotation_start


class RotationInput(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(
        choices=Rotation.Kind.choices, error_messages={"invalid_choice": "What can be rotated here: database-key."}
    )


class RotationWaitOutput(serializers.Serializer[Any]):
    node = serializers.UUIDField()
    name = serializers.CharField()
    reason = serializers.CharField()


class RotationOutput(serializers.Serializer[Any]):
    """A rotation, how far it is, and for whom it waits."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    to_version = serializers.IntegerField()
    phase = serializers.CharField()
    paused = serializers.BooleanField()
    actor = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    rows_done = serializers.IntegerField()
    rows_total = serializers.IntegerField()
    waits_for = RotationWaitOutput(many=True)
    problem = serializers.CharField()
    unreadable = serializers.ListField(child=serializers.CharField())


def rotation_json(rotation: Rotation) -> dict[str, Any]:
    told = rotation_story(rotation, now=timezone.now())
    plain = ("kind", "to_version", "paused", "actor", "created_at", "finished_at", "problem", "unreadable")
    waits = [{"node": str(each.node.pk), "name": each.node.name, "reason": each.trouble} for each in told["waits"]]
    return {
        "id": str(rotation.pk), **{name: getattr(rotation, name) for name in plain}, "waits_for": waits,
        **{name: told[name] for name in ("phase", "rows_done", "rows_total")},
    }  # fmt: skip


class Rotations(View):
    """Rotations of the database key, the newest first; POST starts one."""

    @extend_schema(operation_id="rotations_list", responses=page_of(RotationOutput))
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_rotation")
        return self.paged(Rotation.objects.all(), lambda page: [rotation_json(each) for each in page])

    @extend_schema(request=RotationInput, responses={201: RotationOutput})
    def post(self, request: Request) -> Response:
        RotationInput(data=request.data).is_valid(raise_exception=True)
        return Response(rotation_json(rotation_start(actor=self.actor, now=timezone.now())), status=201)


class RotationDetail(View):
    """One rotation."""

    @extend_schema(responses=RotationOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("certs.view_rotation")
        return Response(rotation_json(get_object_or_404(Rotation, pk=pk)))


class RotationPause(View):
    """Hold a rotation where it is."""

    paused = True

    @extend_schema(request=None, responses={202: RotationOutput})
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        rotation = get_object_or_404(Rotation, pk=pk)
        rotation_pause(actor=self.actor, rotation=rotation, paused=self.paused, now=timezone.now())
        return Response(rotation_json(rotation), status=202)


class RotationResume(RotationPause):
    """Let a paused rotation go on."""

    paused = False
