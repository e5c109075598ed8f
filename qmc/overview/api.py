"""Needs in the REST API."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attention.needs import Ranked, Severity, attention
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
