"""The expiry board in the REST API."""

from dataclasses import asdict, replace
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from attention.expiring import KINDS, Happens
from pki.core import lifetime
from qmc.expiry.board import Board, BoardRow, as_of_read
from qmc.expiry.lists import ExpiryList
from qmc.expiry.rows import Asked, ExpiryRows, expiry_board
from web.api import Choice, ListQuery, View, operation
from web.lists.filters import LONGEST_SEARCH


class ExpiryQuery(ListQuery):
    search = serializers.CharField(required=False, max_length=LONGEST_SEARCH)
    kind = Choice(KINDS, required=False)
    bucket = Choice(lifetime.BUCKET_NAMES, required=False)
    happens = Choice(Happens, required=False, help_text="whether it is automatic or requires an action")
    as_of = serializers.CharField(required=False, allow_blank=True, help_text="a day or an RFC 3339 time, not before today. Default: now")

    def get_fields(self) -> dict[str, Any]:
        return {name: field for name, field in super().get_fields().items() if name != "page"}  # pages have no numbers

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
    expiry_status = serializers.CharField()
    bucket = serializers.CharField()
    owner = serializers.CharField(help_text="who is responsible for it")
    what_happens = serializers.ChoiceField(choices=[outcome.value for outcome in Happens])
    explanation = serializers.CharField(help_text="what happens automatically, or what you must do")
    due_at = serializers.DateTimeField(allow_null=True, help_text="when it happens automatically, if that is known")


class EndlessOutput(serializers.Serializer[Any]):
    """A thing that never expires, or has no expiry date yet."""

    id = serializers.UUIDField(allow_null=True)
    kind = serializers.ChoiceField(choices=list(KINDS))
    subject = serializers.CharField()
    owner = serializers.CharField()
    explanation = serializers.CharField()
    needs_a_hand = serializers.BooleanField()


class ExpiryOutput(serializers.Serializer[Any]):
    results = ExpiringOutput(many=True)
    next = serializers.URLField(allow_null=True)
    totals = serializers.DictField(child=serializers.IntegerField())
    as_of = serializers.DateTimeField()
    without_end = EndlessOutput(many=True)


def board_json(board: Board, rows: list[BoardRow], following: str | None) -> dict[str, Any]:
    """A page of the board in its pinned format."""
    return {
        "results": ExpiryList().json(rows, board.now), "next": following, "totals": board.totals, "as_of": board.as_of,
        "without_end": [asdict(endless) for endless in board.without_end],
    }  # fmt: skip


class Expiry(View):
    """Everything that expires, the next first: who is responsible, what happens, and totals by bucket."""

    @operation(ExpiryOutput, query=ExpiryQuery)
    def get(self, request: Request) -> Response:
        self.actor.require("certs.view_certificate")
        now, query = timezone.now(), self.query
        asked = Asked(**{name: query.get(name, "") for name in ("search", "kind", "bucket", "happens")})
        every = ExpiryRows(self.actor, now, max(now, query.get("as_of", now)))
        part = replace(every, asked=asked).part(size=query["page_size"], cursor=query.get("cursor", ""))
        following = replace_query_param(request.build_absolute_uri(), "cursor", part.next) if part.next else None
        return Response(board_json(expiry_board(every), part.rows, following))
