"""Needs, and jumps of the clock, in the REST API."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attention.needs import Ranked, Severity, attention
from jobs.clock import clock_confirm, clock_jump
from web.api import ListQuery, View, operation, page_of
from web.reasons import ReasonField


class NeedOutput(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="stable; docs/troubleshooting.md lists them")
    severity = serializers.ChoiceField(choices=[severity.value for severity in Severity])
    subject = ReasonField(help_text="the node, certificate or export; empty if there are several")
    title = ReasonField()
    text = ReasonField(help_text="what happened, and why")
    remedy = ReasonField(help_text="what to do next")
    url = ReasonField(help_text="the console's page for it")
    since = serializers.DateTimeField(allow_null=True)
    explained_by = ReasonField(help_text="the title of the need that causes this one; empty if there is none")


PLAIN = ("code", "severity", "subject", "title", "text", "remedy", "url", "since")


def _json(page: Iterable[Ranked]) -> list[dict[str, Any]]:
    return [{name: getattr(ranked.need, name) for name in PLAIN} | {"explained_by": ranked.explained_by} for ranked in page]


class Attention(View):
    """Everything that needs the attention of a person: causes of others first, then by severity."""

    @operation(page_of(NeedOutput), query=ListQuery, operation_id="attention_list")
    def get(self, request: Request) -> Response:
        self.actor.require("nodes.view_node")
        return self.paged(attention(timezone.now()), _json)


class ClockOutput(serializers.Serializer[Any]):
    """The last jump of the clock of the central node, for an hour or until a person confirms it. Null if there is none."""

    noticed_at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True, help_text="negative if the clock was set back")


def _clock() -> Response:
    noticed_at, seconds = clock_jump(now=timezone.now()) or (None, None)
    return Response({"noticed_at": noticed_at, "seconds": seconds})


class Clock(View):
    """Whether the clock of the central node jumped."""

    @operation(ClockOutput)
    def get(self, request: Request) -> Response:
        self.actor.require("nodes.view_node")
        return _clock()


class ClockConfirm(View):
    """A person has checked the clock: the jump is not shown any more."""

    @operation(ClockOutput)
    def post(self, request: Request) -> Response:
        self.actor.require("jobs.change_periodicwork")
        clock_confirm()
        return _clock()
