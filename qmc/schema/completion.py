"""Completes the schema: what holds for all operations is written once, here, not at each operation."""

from collections.abc import Iterator
from typing import Any

from qmc.schema.answers import answer_components, header_components, type_names, with_errors
from qmc.schema.deprecations import mark
from qmc.schema.examples import media_example, parameter_example
from qmc.schema.summaries import summary

OF_ONE_CLIENT = ("cursor", "Idempotency-Key")  # an example of these is taken by nobody
METHODS = ("get", "post", "put", "patch", "delete")
ABOUT = """The REST API of a trust zone console: everything that its pages do, with the same permissions.

Send a token with each request: `Authorization: Bearer …`. Every error is problem details (RFC 9457) with a stable `type`.
The page *API* of the console has this documentation for the site that you use."""
CONTACT = {"name": "The authors of the trust zone console", "url": "https://trust-zone-console.example/issues"}
SESSION = (
    "The cookie of a person who has signed in to the console. SITE differs for each site. A request that changes something also "
    "sends the header X-CSRFToken. For programs, use a token."
)


def operations_of(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and content of each operation."""
    for path, item in schema["paths"].items():
        yield from ((method, path, item[method]) for method in METHODS if method in item)


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """The hook of drf-spectacular."""
    components = result["components"]
    result["info"] |= {"description": ABOUT, "contact": CONTACT, "license": {"name": "MIT", "identifier": "MIT"}}
    result["servers"] = [{"url": "/", "description": "the console on the central node, such as https://central.example:8443"}]
    components["schemas"]["ProblemTypeEnum"] = {"type": "string", "enum": type_names()}
    components["schemas"]["Problem"]["properties"]["type"] = {"$ref": "#/components/schemas/ProblemTypeEnum"}
    components["responses"], components["headers"] = answer_components(), header_components()
    components["securitySchemes"]["cookieAuth"] |= {"name": "__Host-session-SITE", "description": SESSION}
    tags: dict[str, None] = {}
    for method, path, operation in operations_of(result):
        operation.setdefault("summary", summary(method, path, operation, alone=len(result["paths"][path]) == 1))
        operation["responses"] = with_errors(method, operation["responses"])
        _complete_operation(operation, components["schemas"])
        tags |= dict.fromkeys(operation["tags"])
    mark(result, {operation["operationId"]: operation for *_, operation in operations_of(result)})
    result["tags"] = [{"name": tag, "description": tag.replace("-", " ").capitalize()} for tag in tags]
    return result


def _complete_operation(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query" and parameter["schema"].get("type") != "array":
            parameter["allowEmptyValue"] = True  # it is the same as no value
            parameter["schema"].pop("minLength", None)
        if parameter["name"] not in OF_ONE_CLIENT:
            parameter.setdefault("example", parameter_example(parameter, schemas))
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for media_type, content in body.get("content", {}).items():
            content.setdefault("example", media_example(media_type, content["schema"], schemas))
