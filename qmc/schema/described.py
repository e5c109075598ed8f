"""An operation of the schema for people: its parameters, its fields and its answers, with examples."""

import json
from dataclasses import dataclass
from typing import Any

from qmc.schema.completion import operations_of
from qmc.schema.document import api_schema


@dataclass(frozen=True)
class Input:
    """A parameter or a field. `values` are all that it takes, if they are few."""

    name: str
    kind: str
    is_required: bool
    text: str
    values: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer with its status. `example` is JSON, or another text."""

    status: str
    text: str
    example: str


@dataclass(frozen=True)
class Described:
    name: str
    method: str
    path: str
    summary: str
    text: str
    parameters: list[Input]
    fields: list[Input]
    example: str
    answers: list[Answer]


def described(name: str) -> Described | None:
    """The operation with this id; None if there is none."""
    schema = api_schema()
    return next((_described(*found, schema) for found in operations_of(schema) if found[2]["operationId"] == name), None)


def _described(method: str, path: str, operation: dict[str, Any], schema: dict[str, Any]) -> Described:
    parameters = [
        _input(found["name"], found["schema"] | {"description": found.get("description", "")}, bool(found.get("required")), schema)
        for found in operation.get("parameters", [])
    ]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _resolved(content.get("schema", {}), schema)
    fields = [_input(field, inner, field in body.get("required", ()), schema) for field, inner in body.get("properties", {}).items()]
    is_about_it = method == "get" or len(schema["paths"][path]) == 1  # the methods of an address share one description
    return Described(
        operation["operationId"], method.upper(), path, operation["summary"], operation.get("description", "") if is_about_it else "", parameters, fields,
        _text(content.get("example")), [_answer(status, answer, schema) for status, answer in sorted(operation["responses"].items())],
    )  # fmt: skip


def _input(name: str, declared: dict[str, Any], is_required: bool, schema: dict[str, Any]) -> Input:
    found = _resolved(declared, schema)
    items = _resolved(found.get("items", {}), schema)
    types = found.get("type", "object")
    kind = " or ".join([types] if isinstance(types, str) else types)
    text = str(declared.get("description", "")) or str(found.get("description", ""))
    return Input(name, f"{kind} of {items.get('type', 'object')}" if items else kind, is_required, text, ", ".join(_values(found, items)))


def _values(*forms: dict[str, Any]) -> list[str]:
    return [str(value) for form in forms for value in form.get("enum", []) if value != ""]


def _answer(status: str, answer: dict[str, Any], schema: dict[str, Any]) -> Answer:
    if "$ref" in answer:
        answer = schema["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    example = next((content.get("example") for content in answer.get("content", {}).values()), None)
    return Answer(status, answer["description"] or "Done.", _text(example))


def _resolved(form: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What it refers to; of several alternatives the first."""
    for several in ("oneOf", "anyOf", "allOf"):
        if several in form:
            return _resolved(form[several][0], schema)
    if "$ref" in form:
        return _resolved(schema["components"]["schemas"][form["$ref"].rpartition("/")[2]], schema)
    return form


def _text(example: Any) -> str:
    if example is None or isinstance(example, str):
        return example or ""
    return json.dumps(example, indent=2, ensure_ascii=False)
