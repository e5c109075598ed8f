"""The pages of the objects that events are about. Rooms register them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Value


@dataclass(frozen=True)
class ObjectPage:
    """The page of each of `rows`. `view` is the name of its address, which has the id of the object, unless they share one page."""

    rows: "QuerySet[Any]"
    view: str
    is_shared: bool


_pages: list[ObjectPage] = []


def object_page_register(rows: "QuerySet[Any]", view: str, *, is_shared: bool = False) -> None:
    """Register the page of `rows`, which have UUIDs."""
    _pages.append(ObjectPage(rows, view, is_shared))


def object_pages(objects: Iterable[tuple[str, uuid.UUID]]) -> dict[uuid.UUID, ObjectPage]:
    """The pages of those objects that exist. Each one is given as its type and its id. One query."""
    ids: dict[str, set[uuid.UUID]] = {}
    for kind, pk in objects:
        ids.setdefault(kind, set()).add(pk)
    found = [
        page.rows.order_by().filter(pk__in=ids[page.rows.model._meta.label_lower]).values_list("pk", Value(number))
        for number, page in enumerate(_pages)
        if page.rows.model._meta.label_lower in ids
    ]
    if not found:
        return {}
    return {pk: _pages[number] for pk, number in (found[0].union(*found[1:], all=True) if found[1:] else found[0])}
