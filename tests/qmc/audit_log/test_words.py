"""Every action that the code records has words, found by reading the code. Words never fail, whatever another version recorded."""

import ast
import importlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from audit.event_lines import actions, line, words_of
from audit.models import Event, Outcome
from tests.test_architecture import APPS, ROOT

# These have words, and are recorded by earlier versions only.
EARLIER: set[str] = set()


@cache
def modules() -> dict[str, ast.Module]:
    found = {}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                found[".".join(path.relative_to(ROOT).with_suffix("").parts)] = ast.parse(path.read_text())
    return found


def recorders(tree: ast.Module) -> dict[str, list[str]]:
    """The functions that take an action to record, with the names of their parameters: those of audit.record, and those of the module."""
    local = {
        node.name: [(argument.arg, ast.unparse(argument.annotation or argument)) for argument in (*node.args.args, *node.args.kwonlyargs)]
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    taking = {name: [parameter for parameter, _ in given] for name, given in local.items() if ("action", "str") in given}
    return {"record": ["action"], "record_each": ["action"]} | taking


def recorded() -> Iterator[tuple[str, str]]:
    """Each recorded action with the module that records it. An action that cannot be read is what it looks like in the code."""
    for module, tree in modules().items():
        if "audit.record" not in ast.unparse(tree):
            continue
        known = recorders(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known:
                value = next((keyword.value for keyword in node.keywords if keyword.arg == "action"), None)
                if value is None:
                    value = node.args[known[node.func.id].index("action")]
                yield from ((action, module) for action in values_of(value, module))


def values_of(value: ast.expr, module: str) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(action)):
            yield action
        case ast.IfExp():
            yield from values_of(value.body, module)
            yield from values_of(value.orelse, module)
        case ast.Name(id="action"):
            yield from assigned(module)  # also a parameter, whose callers are read
        case ast.Name(id=name) if isinstance(action := getattr(importlib.import_module(module), name, None), str):
            yield action
        case _:
            yield ast.unparse(value)


def assigned(module: str) -> Iterator[str]:
    """The values of the variables with the name `action`, and of those that these use."""
    for node in ast.walk(modules()[module]):
        match node:
            case ast.Assign(targets=[ast.Name(id="action" | "added")], value=value):
                yield from (action for action in values_of(value, module) if action != "added")


def test_every_recorded_action_has_words() -> None:
    found = dict(recorded())
    assert len(found) > 80
    assert {action: module for action, module in found.items() if action not in actions()} == {}
    assert set(actions()) - found.keys() == EARLIER


DETAILS: dict[str, Any] = {"nothing": {}, "other values": dict.fromkeys(("from", "to", "until", "fields", "means", "kind"), 7)}


@pytest.mark.parametrize("detail", DETAILS.values(), ids=DETAILS.keys())
@pytest.mark.parametrize("outcome", Outcome)
def test_words_never_fail(detail: Any, outcome: Outcome) -> None:
    for action in [*actions(), "unknown.action_of-another_version"]:
        event = Event(action=action, detail=detail, outcome=outcome, at=datetime(2026, 11, 30, tzinfo=UTC), actor="ann")
        text, color = words_of(event)
        assert text.strip(), action
        assert color in {"green", "blue", "orange", "red", "grey"}, action
    assert line(event).text == "unknown action of another version"
