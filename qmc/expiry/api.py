"""The expiry board in the REST API."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attention.expiring import KINDS, Endless, Happens
from pki.core.lifetime import ExpiryStatus
from qmc.expiry.board import Board, as_of_read
from qmc.expiry.everything import Everything, board_counted
from qmc.expiry.filters import BUCKET_WORDS
from qmc.expiry.lists import ExpiryList
from qmc.expiry.rows import ExpiryRows
from web.api import View, list_query, operation
from web.reasons import ReasonField


class ExpiryQuery(list_query(ExpiryList)):  # type: ignore[misc]
    as_of = serializers.CharField(required=False, allow_blank=True, help_text="a day or an RFC 3339 time, not before today. Default: now")

    def validate_as_of(self, text: str) -> Any:
        now = timezone.now()
        try:
            return as_of_read(text, now=now) if text else now
        except ValueError as exc:
            raise serializers.ValidationError(str(exc)) from exc


class ExpiringOutput(serializers.Serializer[Any]):
    id = serializers.UUIDField(allow_null=True)
    kind = serializers.ChoiceField(choices=list(KINDS))
    subject = serializers.CharField()
    holder = serializers.CharField()
    not_after = serializers.DateTimeField()
    days_left = serializers.IntegerField()
    expiry_status = serializers.ChoiceField(choices=[*ExpiryStatus])
    bucket = serializers.ChoiceField(choices=[*BUCKET_WORDS])
    owner = serializers.CharField(help_text="who is responsible for it")
    what_happens = serializers.ChoiceField(choices=[outcome.value for outcome in Happens])
    explanation = ReasonField(help_text="what happens automatically, or what you must do")
    due_at = serializers.DateTimeField(allow_null=True, help_text="when it happens automatically, if that is known")


class EndlessOutput(serializers.Serializer[Any]):
    """A thing that never expires, or has no expiry date yet."""

    id = serializers.UUIDField(allow_null=True)
    kind = serializers.ChoiceField(choices=list(KINDS))
    subject = serializers.CharField()
    owner = serializers.CharField()
    explanation = ReasonField()
    action_required = serializers.BooleanField()
    needs_a_hand = serializers.BooleanField()


class ExpiryOutput(serializers.Serializer[Any]):
    results = ExpiringOutput(many=True)
    next = serializers.URLField(allow_null=True)
    totals = serializers.DictField(child=serializers.IntegerField())
    as_of = serializers.DateTimeField()
    without_end = EndlessOutput(many=True)


def endless_json(endless: Endless) -> dict[str, Any]:
    return asdict(endless) | {"action_required": endless.needs_a_hand}


def board_json(board: Board) -> dict[str, Any]:
    """What the board has beside its rows, in its pinned format."""
    return {"totals": board.totals, "as_of": board.as_of, "without_end": [endless_json(endless) for endless in board.without_end]}


class Expiry(View):
    """Everything that expires, the next first: who is responsible, what happens, and totals by bucket."""

    @operation(ExpiryOutput, query=ExpiryQuery)
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        now = timezone.now()
        every = Everything(self.actor, now, max(now, self.query.get("as_of", now)))
        answer = self.listed(ExpiryList(every), ExpiryRows(every))
        return Response(answer.data | board_json(board_counted(every)))
