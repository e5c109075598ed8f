"""The schema of the REST API, for everybody."""

from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from qmc.schema.document import api_schema
from web.api import Choice, Query, View, operation

FORMATS = ("yaml", "json")


class SchemaQuery(Query):
    format = Choice(FORMATS, required=False)


class Schema(View, SpectacularAPIView):
    """The schema of this API (OpenAPI 3.1), as YAML unless JSON is asked for."""

    def get_format_suffix(self, **kwargs: Any) -> str | None:
        requested = self.request.query_params.get("format")
        return requested if requested in FORMATS else None

    @operation(dict, query=SchemaQuery, signed_in=False, summary="Get the schema")
    def get(self, request: Request) -> HttpResponse:
        renderer: Any = request.accepted_renderer
        return HttpResponse(_rendered(renderer.__class__), content_type=f"{renderer.media_type}; charset=utf-8")


@cache
def _rendered(renderer: Any) -> bytes:
    return bytes(renderer().render(api_schema(), renderer_context={}))
