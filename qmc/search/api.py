"""The search in the REST API."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from web.api import Query, View, operation
from web.search import LONGEST, SHORTEST, search


class SearchQuery(Query):
    q = serializers.CharField(
        min_length=SHORTEST, max_length=LONGEST,
        help_text="the beginning of a name, a host name, an address, a serial number, a fingerprint or a user name; or words of a page",
    )  # fmt: skip


class FoundOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the metaclass takes it out of the class
    text = serializers.CharField(help_text="what it is")
    url = serializers.CharField(help_text="the console's page for it")


class SearchOutput(serializers.Serializer[Any]):
    results = FoundOutput(many=True)


class Search(View):
    """What the actor may see and the text finds: at most 5 of each kind."""

    @operation(SearchOutput, query=SearchQuery)
    def get(self, request: Request) -> Response:
        groups = search(self.query["q"], actor=self.actor)
        return Response({"results": [{"kind": group.kind} | vars(found) for group in groups for found in group.results]})
