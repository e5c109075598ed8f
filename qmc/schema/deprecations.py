"""What will be removed from the API, from when and until when it is there, and what replaces it."""

from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Deprecation:
    """`instead` replaces it. It is there until the day `until`, at least a year after `since`."""

    since: date
    until: date
    instead: str


# By the id of an operation, or by component and field.
DEPRECATED = {
    "EndlessOutput.needs_a_hand": Deprecation(date(2026, 12, 1), date(2027, 12, 1), "action_required"),
}


def mark(schema: dict[str, Any], operations: dict[str, dict[str, Any]]) -> None:
    """Mark what is deprecated. `operations` are by their ids. Raises: KeyError for a name that is not in the schema."""
    for name, deprecation in DEPRECATED.items():
        component, _, field = name.partition(".")
        marked = schema["components"]["schemas"][component]["properties"][field] if field else operations[component]
        text = f"Deprecated. Use {deprecation.instead}."
        marked |= {
            "deprecated": True, "description": f"{text} {marked.get('description', '')}".strip(),
            "x-deprecated-since": deprecation.since.isoformat(), "x-removed-after": deprecation.until.isoformat(),
        }  # fmt: skip
