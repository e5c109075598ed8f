"""The operations of the REST API, as its schema lists them."""

from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from alerts.models import Channel
from certs.models import Certificate
from nodes.models import Node
from qmc.schema.completion import operations_of
from qmc.schema.document import api_schema
from tests import factories


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and the schema of each operation of the API."""
    schema = api_schema()
    for method, path, operation in operations_of(schema):
        yield method, path, operation | {"components": schema["components"]["schemas"]}


def fields_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields of an operation's body, each with its schema."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    properties: dict[str, dict[str, Any]] = operation["components"].get(name, {}).get("properties", {})
    return properties


def filled(path: str) -> str:
    """The path of something that is there, where there is such a thing."""
    if "/nodes/" in path:
        pk = Node.objects.get(is_central=True).pk
    elif "/alert-channels/" in path:
        pk = _channel().pk
    elif "/bulk/" in path:
        pk = factories.bulk_work(at=timezone.now()).pk
    else:
        pk = Certificate.objects.get(kind="client").pk
    return path.replace("{id}", str(pk)).replace("{generation}", "1")


def _channel() -> Channel:
    found, now = Channel.objects.first(), timezone.now()
    return found or Channel.objects.create(
        name="Operations", kind="webhook", values={"url": "https://hooks.example/"}, created_at=now, changed_at=now
    )


def parameters_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters in an operation's address, each with its schema."""
    return {parameter["name"]: parameter["schema"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}


def values_of(form: dict[str, Any], components: dict[str, Any]) -> list[str]:
    """The values that a schema lists, for itself or for its items; none where it takes others too."""
    if "$ref" in form:
        return values_of(components[form["$ref"].rpartition("/")[2]], components)
    inner = [*form.get("allOf", []), *([form["items"]] if "items" in form else [])]
    return form.get("enum") or [value for schema in inner for value in values_of(schema, components)]
