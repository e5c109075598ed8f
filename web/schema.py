"""The schema of the REST API, for everybody."""

from typing import Any

from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from web.api import Choice, Query, View, operation

FORMATS = ("yaml", "json")


class SchemaQuery(Query):
    format = Choice(FORMATS, required=False)


class Schema(View, SpectacularAPIView):
    """The schema of this API (OpenAPI 3), as YAML unless JSON is asked for."""

    def get_format_suffix(self, **kwargs: Any) -> str | None:
        requested = self.request.query_params.get("format")
        return requested if requested in FORMATS else None

    @operation(dict, query=SchemaQuery, signed_in=False)
    def get(self, request: Request) -> Response:
        answer: Response = self._get_schema_response(request)  # type: ignore[no-untyped-call]
        return answer
