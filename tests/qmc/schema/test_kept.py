"""The schema that is kept in the tree is the promise to clients: it is the present one, and no change breaks it."""

import copy
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from qmc.schema.changes import breaking_changes
from qmc.schema.deprecations import DEPRECATED
from qmc.schema.document import api_schema
from qmc.schema.kept import KEPT, as_kept, kept_schema

NODES, NODE = "/api/v1/nodes/", "/api/v1/nodes/{id}/"
TODAY = date(2026, 12, 1)
Change = Callable[[dict[str, Any]], Any]


def test_the_kept_schema_is_the_present_one() -> None:
    present = json.loads(as_kept())
    assert breaking_changes(kept_schema(), present, today=date.min) == [], "These changes break clients."
    assert present == kept_schema(), f"The API has changed. Run `make api-schema`, which writes {KEPT.name}."


def fields(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = schema["components"]["schemas"][name]
    return found


def parameter(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in schema["paths"][NODES]["get"]["parameters"] if found["name"] == name)


def required_parameter(schema: dict[str, Any]) -> None:
    schema["paths"][NODES]["get"]["parameters"].append({"in": "query", "name": "zone", "required": True, "schema": {"type": "string"}})


BREAKING: dict[str, tuple[Change, str]] = {
    "a removed path": (lambda schema: schema["paths"].pop(NODE), f"GET {NODE} was removed."),
    "a removed operation": (lambda schema: schema["paths"][NODE].pop("patch"), f"PATCH {NODE} was removed."),
    "a renamed operation": (
        lambda schema: schema["paths"][NODE]["get"].update(operationId="nodes_show"),
        f"GET {NODE}: its operationId nodes_retrieve was renamed.",
    ),
    "a removed component": (
        lambda schema: schema["components"]["schemas"].pop("LevelEnum"),
        "The component LevelEnum was removed or renamed, which renames a class of generated clients.",
    ),
    "a removed parameter": (
        lambda schema: schema["paths"][NODES]["get"]["parameters"].remove(parameter(schema, "tag")),
        f"GET {NODES}: parameter tag was removed.",
    ),
    "a required parameter": (required_parameter, f"GET {NODES}: parameter zone became required."),
    "a value of a parameter": (
        lambda schema: parameter(schema, "state")["schema"]["enum"].remove("failed"),
        f"GET {NODES}: parameter state: the values failed were removed.",
    ),
    "a lower limit": (
        lambda schema: parameter(schema, "page_size")["schema"].update(maximum=100),
        f"GET {NODES}: parameter page_size: maximum is 100 and was 500.",
    ),
    "a removed field of a body": (
        lambda schema: fields(schema, "NodeInput")["properties"].pop("notes"),
        f"POST {NODES}: the field notes was removed.",
    ),
    "a required field of a body": (
        lambda schema: fields(schema, "NodeInput")["required"].append("notes"),
        f"POST {NODES}: the field notes became required.",
    ),
    "another type of a field": (
        lambda schema: fields(schema, "NodeInput")["properties"]["node_port"].update(type="string"),
        f"POST {NODES}: node_port: its type was integer and is string.",
    ),
    "a removed field of an answer": (
        lambda schema: fields(schema, "NodeOutput")["properties"].pop("online"),
        f"GET {NODES}: the answer 200: results[]: the field online was removed.",
    ),
    "an answer that can be null": (
        lambda schema: fields(schema, "NodeOutput")["properties"]["notes"].update(type=["string", "null"]),
        f"GET {NODES}: the answer 200: results[]: notes: its type was string and is null, string.",
    ),
    "a value of an answer": (
        lambda schema: fields(schema, "NodeStateEnum")["enum"].remove("failed"),
        f"GET {NODES}: the answer 200: results[]: state: the values failed were removed.",
    ),
    "another status": (
        lambda schema: schema["paths"][NODES]["post"]["responses"].update({"202": schema["paths"][NODES]["post"]["responses"].pop("201")}),
        f"POST {NODES}: the answer 201 was removed.",
    ),
}
COMPATIBLE: dict[str, Change] = {
    "a new path": lambda schema: schema["paths"].update({"/api/v1/new/": schema["paths"][NODES]}),
    "a new field of a body": lambda schema: fields(schema, "NodeInput")["properties"].update(color={"type": "string"}),
    "a new field of an answer": lambda schema: fields(schema, "NodeOutput")["properties"].update(color={"type": "string"}),
    "a new value": lambda schema: fields(schema, "NodeStateEnum")["enum"].append("resting"),
    "a body that can be null": lambda schema: fields(schema, "NodeInput")["properties"]["notes"].update(type=["string", "null"]),
    "a new error": lambda schema: schema["paths"][NODES]["get"]["responses"].update({"418": {"description": "a teapot"}}),
}


@pytest.mark.parametrize(("change", "sentence"), BREAKING.values(), ids=BREAKING.keys())
def test_a_change_that_breaks_clients_is_named(change: Change, sentence: str) -> None:
    changed = copy.deepcopy(kept_schema())
    change(changed)
    assert sentence in breaking_changes(kept_schema(), changed, today=TODAY)


@pytest.mark.parametrize("change", COMPATIBLE.values(), ids=COMPATIBLE.keys())
def test_what_is_added_breaks_nothing(change: Change) -> None:
    changed = copy.deepcopy(kept_schema())
    change(changed)
    assert breaking_changes(kept_schema(), changed, today=TODAY) == []


@pytest.mark.parametrize(("today", "broken"), [(date(2027, 12, 1), 1), (date(2027, 12, 2), 0)])
def test_what_is_deprecated_may_go_after_its_day(today: date, broken: int) -> None:
    changed = copy.deepcopy(kept_schema())
    endless = fields(changed, "EndlessOutput")
    endless["properties"].pop("needs_a_hand")
    endless["required"].remove("needs_a_hand")
    assert len(breaking_changes(kept_schema(), changed, today=today)) == broken


def test_deprecations_are_in_the_schema_with_their_days_and_last_a_year() -> None:
    for name, deprecation in DEPRECATED.items():
        component, _, field = name.partition(".")
        marked = fields(api_schema(), component)["properties"][field]
        assert (marked["deprecated"], marked["x-deprecated-since"], marked["x-removed-after"]) == (
            True,
            str(deprecation.since),
            str(deprecation.until),
        )
        assert (deprecation.until - deprecation.since).days >= 365
