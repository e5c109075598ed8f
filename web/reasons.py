"""Reasons in the API: a serializer marks them with the fields of this module. `web.api.operation` answers null for them, if the actor may not read them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from rest_framework import serializers

from audit.reasons import PERMISSION

HELP = f"null without the permission {PERMISSION}"


class Reason:
    """Marks a field that has a reason."""

    def __init__(self, *, help_text: str = "", **options: Any) -> None:
        super().__init__(allow_null=True, help_text=f"{help_text}; {HELP}" if help_text else HELP, **options)  # type: ignore[call-arg]


class ReasonField(Reason, serializers.CharField):
    pass


class ReasonListField(Reason, serializers.ListField):
    pass


def without_reasons(content: Any, output: Any) -> Any:
    """The answer of an operation, with null for each reason. `output` declares its format: a serializer or its class."""
    return _without(content, _instance(output) if isinstance(output, type) else output)


@cache
def _instance(output: type) -> Any:
    return output()


def _without(content: Any, field: Any) -> Any:
    if isinstance(field, Reason):
        return None
    if isinstance(field, serializers.ListSerializer):
        return [_without(item, field.child) for item in content]
    if isinstance(field, serializers.Serializer) and isinstance(content, Mapping):
        return {name: _without(value, field.fields.get(name)) for name, value in content.items()}
    return content
