"""Rotations in the REST API."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certs.models import Rotation
from nodes.models import Node
from nodes.rotations.database_key import key_rotation_start
from nodes.rotations.database_key_view_models import PHASES as KEY_PHASES
from nodes.rotations.database_key_view_models import KeyRotation, key_rotation
from nodes.rotations.lists import ProgressList
from nodes.rotations.root import root_rotation_exclude, root_rotation_roll_back, root_rotation_start
from nodes.rotations.root_nodes import Phase
from nodes.rotations.root_view_models import RootRotation, root_progress_rows, root_rotation
from nodes.rotations.services import rotation_pause
from web.api import Choice, Input, View, list_query, operation, page_of
from web.lists.declared import List

MOST = 100
KINDS = Rotation.Kind.values  # the schema names the field by them
PHASES = [*Phase, *(status.value for status, _ in KEY_PHASES)]
START: dict[Rotation.Kind, Callable[..., Rotation]] = {
    Rotation.Kind.DATABASE_KEY: key_rotation_start,
    Rotation.Kind.ROOT: root_rotation_start,
}


class RotationInput(Input):
    kind = Choice(KINDS)
    keeps_for_exports = serializers.BooleanField(
        required=False, help_text="root only, true by default: the old root stays until no export has certificates of it"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "keeps_for_exports" in attrs and attrs["kind"] != Rotation.Kind.ROOT:
            raise serializers.ValidationError({"keeps_for_exports": "This field applies only to the root. Remove it."})
        return attrs


class RollBackInput(Input):
    keeps_for_exports = serializers.BooleanField(default=True, help_text="the removed root stays until no export has certificates of it")


class RotationExcludeInput(Input):
    node = serializers.UUIDField()
    reason = serializers.CharField(max_length=300)


class RotationWaitOutput(serializers.Serializer[Any]):
    node = serializers.UUIDField()
    name = serializers.CharField()
    reason = serializers.CharField()


class RotationNodeOutput(serializers.Serializer[Any]):
    """The progress of one node with a new root."""

    node = serializers.UUIDField()
    name = serializers.CharField()
    trusts = serializers.BooleanField()
    presents = serializers.BooleanField()
    accepted = serializers.BooleanField()
    last_proof = serializers.DateTimeField(allow_null=True)
    excluded = serializers.BooleanField()


class RotationOutput(serializers.Serializer[Any]):
    """A rotation, its progress, and the nodes that it waits for. Rows exist only for the database key, `nodes` only for the root."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=KINDS)
    to_version = serializers.IntegerField()
    phase = serializers.ChoiceField(choices=PHASES)
    paused = serializers.BooleanField()
    rolled_back = serializers.BooleanField()
    actor = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    percent = serializers.IntegerField()
    waits_for = RotationWaitOutput(many=True, help_text="the first 20, the worst first")
    waits_for_total = serializers.IntegerField(help_text="the number of all nodes that it waits for")
    problem = serializers.CharField()
    rows_done = serializers.IntegerField(required=False)
    rows_total = serializers.IntegerField(required=False)
    unreadable = serializers.ListField(child=serializers.CharField(), required=False)
    nodes = RotationNodeOutput(
        many=True, required=False, help_text="the first 100, those that it waits for first; the page has all in a file"
    )
    keeps_for_exports = serializers.BooleanField(required=False)
    waits_for_exports = serializers.ListField(child=serializers.CharField(), required=False)


def _of_the_root(progress: RootRotation, now: datetime) -> dict[str, Any]:
    rotation, fields = progress.rotation, list(RotationNodeOutput().get_fields())
    rows = (
        []
        if rotation.finished_at
        else ProgressList(rotation).json(list(root_progress_rows(rotation, now=now).order_by("-waits", "name")[:MOST]), now)
    )
    nodes = [{name: row[name] for name in fields} for row in rows]
    return {"nodes": nodes, "keeps_for_exports": rotation.keeps_for_exports, "waits_for_exports": progress.exports_awaited}


def _of_the_database_key(progress: KeyRotation) -> dict[str, Any]:
    return {"unreadable": progress.rotation.unreadable, "rows_done": progress.rows_done, "rows_total": progress.rows_total}


def rotation_json(rotation: Rotation) -> dict[str, Any]:
    now = timezone.now()
    progress = root_rotation(rotation, now=now) if rotation.kind == Rotation.Kind.ROOT else key_rotation(rotation, now=now)
    plain = ("kind", "to_version", "paused", "rolled_back", "actor", "created_at", "finished_at", "problem")
    return {
        "id": str(rotation.pk), **{name: getattr(rotation, name) for name in plain}, "phase": progress.phase, "percent": progress.percent,
        "waits_for": [{"node": str(row.node.pk), "name": row.node.name, "reason": row.reason} for row in progress.waits.named],
        "waits_for_total": progress.waits.total,
        **(_of_the_root(progress, now) if isinstance(progress, RootRotation) else _of_the_database_key(progress)),
    }  # fmt: skip


class RotationList(List):
    model = Rotation
    noun, caption = "rotation", "Rotations"
    orders = {"created_at": ("created_at",)}
    sort = "-created_at"

    def json(self, rows: list[Rotation], now: datetime) -> list[dict[str, Any]]:
        return [rotation_json(rotation) for rotation in rows]


class Rotations(View):
    """Rotations of the root and the database key, newest first. POST starts one."""

    @operation(page_of(RotationOutput), query=list_query(RotationList), operation_id="rotations_list")
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_rotation")
        return self.listed(RotationList(), Rotation.objects.all())

    @operation({201: RotationOutput}, conflicts=True, body=RotationInput)
    def post(self, request: Request) -> Response:
        start = START[Rotation.Kind(self.body.pop("kind"))]
        return Response(rotation_json(start(actor=self.actor, now=timezone.now(), **self.body)), status=201)


class RotationDetail(View):
    """One rotation."""

    @operation(RotationOutput)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        self.actor.require("certs.view_rotation")
        return Response(rotation_json(get_object_or_404(Rotation, pk=pk)))


class RotationPause(View):
    """Pause a rotation."""

    paused = True

    @operation({202: RotationOutput}, conflicts=True)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        rotation = get_object_or_404(Rotation, pk=pk)
        rotation_pause(actor=self.actor, rotation=rotation, paused=self.paused, now=timezone.now())
        return Response(rotation_json(rotation), status=202)


class RotationResume(RotationPause):
    """Resume a paused rotation."""

    paused = False


class RotationRollBack(View):
    """Roll a rotation back: the old root issues again, and the new one is removed."""

    @operation({202: RotationOutput}, conflicts=True, body=RollBackInput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        rotation = get_object_or_404(Rotation, pk=pk)
        keeps = self.body["keeps_for_exports"]
        root_rotation_roll_back(actor=self.actor, rotation=rotation, now=timezone.now(), keeps_for_exports=keeps)
        return Response(rotation_json(rotation), status=202)


class RotationExclude(View):
    """Exclude a node: the rotation no longer waits for it."""

    @operation({202: RotationOutput}, conflicts=True, body=RotationExcludeInput)
    def post(self, request: Request, pk: uuid.UUID) -> Response:
        rotation = get_object_or_404(Rotation, pk=pk)
        node, reason = get_object_or_404(Node.objects.present(), pk=self.body["node"]), self.body["reason"]
        root_rotation_exclude(actor=self.actor, rotation=rotation, node=node, reason=reason, now=timezone.now())
        return Response(rotation_json(rotation), status=202)
