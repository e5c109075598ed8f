"""Secrets in answers of the API: a serializer marks them with the fields of this module. An answer that has one is not kept for repeats."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class Secret:
    """Marks a field that has a secret, which no other answer has."""


class SecretField(Secret, serializers.CharField):
    pass


class SecretURLField(Secret, serializers.URLField):
    pass


class SecretsField(Secret, serializers.DictField):
    pass


def has_secret(content: Any, output: Any) -> bool:
    """Whether the answer of an operation has a secret. `output` declares its format: a serializer or its class."""
    return _has(content, output() if isinstance(output, type) else output)


def _has(content: Any, field: Any) -> bool:
    if isinstance(field, Secret):
        return bool(content)
    if isinstance(field, serializers.ListSerializer):
        return any(_has(item, field.child) for item in content)
    if isinstance(field, serializers.Serializer) and isinstance(content, Mapping):
        return any(_has(value, field.fields.get(name)) for name, value in content.items())
    return False
