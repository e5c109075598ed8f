"""The page of a node is assembled from sections: each room registers what it shows about a node."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from audit.actors import Actor
from nodes.models import Node

Section = Callable[[Node, Actor, datetime], dict[str, Any]]
_sections: list[Section] = []


def section_register(section: Section) -> Section:
    """Register the decorated function: it returns the variables that its part of the page shows. Names are unique among all sections."""
    _sections.append(section)
    return section


def sections(node: Node, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """The variables of all sections for `node`. Raises: ValueError if two sections use the same name."""
    found: dict[str, Any] = {}
    for section in _sections:
        shown = section(node, actor, now)
        if twice := found.keys() & shown.keys():
            raise ValueError(f"two sections of the node page use the same names: {', '.join(sorted(twice))}")
        found |= shown
    return found
