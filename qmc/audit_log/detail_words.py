"""The detail of an event in words. Each room records what it likes, so the form of a value decides."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from pki.core.clocks import exact

REASON = "reason"
MOST_LINES, MOST_VALUES, LONGEST = 100, 30, 2000
_STATE = re.compile(r"[a-z]+(_[a-z]+)+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def detail_lines(detail: dict[str, Any]) -> list[tuple[str, str]]:
    """The name and the words of each value, except the reason. What is left out of a very long detail is counted."""
    rest = {name: value for name, value in detail.items() if name != REASON}
    found = [*islice(_lines("", rest), MOST_LINES + 1)]
    return found if len(found) <= MOST_LINES else [*found[:MOST_LINES], ("More", "This detail is longer. The API has all of it.")]


def _lines(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict) or not value:
        yield name, _text(value)
        return
    if {"from", "to"} <= value.keys():
        value = dict(value)
        yield from _change(name, value.pop("from"), value.pop("to"))
    for key, inner in value.items():
        label = str(key).replace("_", " ")
        yield from _lines(f"{name}: {label}" if name else label.capitalize(), inner)


def _change(name: str, before: Any, after: Any) -> Iterator[tuple[str, str]]:
    """What was changed, each field in a line of its own."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        yield name or "Change", f"from {_text(before)} to {_text(after)}"
        return
    for key in dict.fromkeys([*before, *after]):
        if before.get(key) != after.get(key):
            label = str(key).replace("_", " ")
            yield f"{name}: {label}" if name else label.capitalize(), f"from {_text(before.get(key))} to {_text(after.get(key))}"


def _text(value: Any) -> str:
    match value:
        case None | "" | [] | {}:
            return "none"
        case bool():
            return "yes" if value else "no"
        case list():
            more = f" and {len(value) - MOST_VALUES} more" if len(value) > MOST_VALUES else ""
            return ", ".join(map(_text, value[:MOST_VALUES])) + more
        case dict():
            return " ".join(f"{str(key).replace('_', ' ')} {_text(inner)}" for key, inner in value.items())
        case str() if _TIME.fullmatch(value):
            return exact(datetime.fromisoformat(value))
        case str() if _STATE.fullmatch(value):
            return value.replace("_", " ")
        case _:
            return str(value)[:LONGEST]
