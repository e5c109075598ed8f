"""The page of a node is assembled from sections: each room registers what it shows about a node."""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from nodes.models import Node


class Place(enum.StrEnum):
    """The place of a section: above the card of the registration, in it, or below it beside the history."""

    TOP = "top"
    NOTES = "notes"
    FACTS = "facts"
    CARDS = "cards"


@dataclass(frozen=True)
class Section:
    """A section that a room adds to the page of a node: `template` shows `card`. In one place, sections with a lower `order` come first.

    While a section is `under_way`, the page asks for news more often and offers no renewal.
    """

    place: Place
    order: int
    template: str
    card: object
    under_way: bool = False

    @property
    def is_reason(self) -> bool:
        """Whether it says what is wrong. It is shown to people who may read reasons."""
        return self.place in (Place.TOP, Place.NOTES)


Sections = Callable[[Node, Actor, datetime], Iterable[Section]]
_registered: list[Sections] = []


def sections_register(sections: Sections) -> Sections:
    """Register the decorated function, which yields the sections of its room for a node."""
    _registered.append(sections)
    return sections


def sections_of(node: Node, *, actor: Actor, now: datetime) -> list[Section]:
    """The sections of all rooms for `node`, in their order."""
    found = [section for sections in _registered for section in sections(node, actor, now)]
    return sorted(found, key=lambda section: section.order)
