"""What every API view shares: who asks, pages of lists, and fields that take nothing but their type."""

from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.actors import Actor


class StrictInteger(serializers.IntegerField):
    """An integer and nothing that looks like one."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            raise serializers.ValidationError("An integer is needed.")
        return data


LONGEST_TEXT, MOST_ITEMS = 2000, 1000


LARGEST_FILE_TEXT = 512 * 1024  # a file of 256 KiB in base64, with room for line breaks


class StrictText(serializers.CharField):
    """A string as it was sent: not trimmed, not repaired; at most `LONGEST_TEXT` characters, where nothing else is said."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **{"max_length": LONGEST_TEXT} | options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("A string is needed.")
        if not data.isascii() and any("\ud800" <= each <= "\udfff" for each in data):
            raise serializers.ValidationError("This is not text: it holds half a character.")
        return data

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return data if data == "" else super().run_validation(data)


def page_of(output: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The form of a paged list, for the schema."""
    name = output.__name__.replace("Output", "Page")
    return inline_serializer(name, {"results": output(many=True), "next": serializers.URLField(allow_null=True)})


class Pages(PageNumberPagination):
    """`{"results": […], "next": …}`"""

    page_size, page_size_query_param, max_page_size = 50, "page_size", 500

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})


class View(APIView):
    """Parse → service → render; `actor` is who asks."""

    @property
    def actor(self) -> Actor:
        user = self.request.user
        token = self.request.auth
        return Actor("token", str(token), user) if token else Actor("user", user.get_username(), user)

    def paged(self, rows: Any, render: Any) -> Response:
        paginator = Pages()
        page: Any = paginator.paginate_queryset(rows, self.request, view=self)
        return paginator.get_paginated_response(render(page or []))
