"""Reasons: texts about failures, needs and events. They name machines, addresses and people, so reading them has a permission of its own."""

from collections.abc import Collection, Mapping
from typing import Any

from audit.actors import Actor

PERMISSION = "audit.view_reason"


def may_read_reasons(actor: Actor) -> bool:
    return actor.has_perm(PERMISSION)


def without(content: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """`content` with None for each of `names`."""
    return {name: None if name in names else value for name, value in content.items()}
