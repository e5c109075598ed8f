"""The lists of the console by name. Each room registers its own, so that actions on many rows and views that people keep find it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from web.lists.declared import List


@dataclass(frozen=True)
class ListPlace:
    """One list: its rows, the name of the address of its page, and the permission of that page."""

    declared: type[List]
    rows: Callable[[datetime], Any]
    view: str
    permission: str


_places: dict[str, ListPlace] = {}


def list_register(place: ListPlace) -> ListPlace:
    """Raises: ValueError for a list without a name, or with a name in use."""
    name = place.declared.name
    if not name or name in _places:
        raise ValueError(f"{place.declared} needs a name of its own.")
    _places[name] = place
    return place


def list_named(name: str) -> ListPlace | None:
    return _places.get(name)
