"""Find anything. A room registers what can be found in it: a permission, and a function from a text to a few rows, which an index finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from audit.actors import Actor

LONGEST, SHORTEST, MOST_OF_KIND = 100, 2, 5
HEXADECIMAL, SHORTEST_NUMBER = frozenset("0123456789abcdef"), 6
LAST = "\U0010ffff"  # no character is greater


@dataclass(frozen=True)
class Found:
    """Something that was found. `text` says what it is, `url` is its page."""

    label: str
    text: str
    url: str


@dataclass(frozen=True)
class Group:
    """What was found of one kind, at most MOST_OF_KIND."""

    kind: str
    icon: str
    results: list[Found]


Finder = Callable[[str, Actor], Iterable[Found]]


@dataclass(frozen=True)
class _Kind:
    name: str
    icon: str
    permission: str
    finder: Finder


_kinds: list[_Kind] = []


def search_register(kind: str, *, icon: str, permission: str) -> Callable[[Finder], Finder]:
    """Register the decorated function, which finds things of this kind. `permission`: "" is everybody who has signed in."""

    def register(finder: Finder) -> Finder:
        _kinds.append(_Kind(kind, icon, permission, finder))
        return finder

    return register


def search(text: str, *, actor: Actor) -> list[Group]:
    """What `actor` may see and `text` finds, by kind. Nothing for a text that is too short."""
    text = " ".join(text.replace("\0", " ").split())[:LONGEST]  # PostgreSQL refuses this character
    if len(text) < SHORTEST:
        return []
    asked = (kind for kind in _kinds if not kind.permission or actor.has_perm(kind.permission))
    groups = (Group(kind.name, kind.icon, [*kind.finder(text, actor)][:MOST_OF_KIND]) for kind in asked)
    return [group for group in groups if group.results]


def beginning(column: str, text: str) -> Q:
    """Rows whose `column` begins with `text`, in a form that an index of the column finds on both engines."""
    if connection.vendor == "postgresql":
        return Q((f"{column}__startswith", text))
    return Q((f"{column}__gte", text), (f"{column}__lt", text + LAST))


def number_of(text: str) -> str:
    """The text as the beginning of a serial number or fingerprint, as this site writes them; "" if it is none."""
    number = text.replace(":", "").replace(" ", "").lower()
    return number if len(number) >= SHORTEST_NUMBER and set(number) <= HEXADECIMAL else ""
