"""The rows of a list that were chosen: one by one, or by filters."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.http import QueryDict
from django.urls import reverse

from bulk.actions import Action
from bulk.services import MOST
from web.errors import InputInvalid
from web.lists.filters import as_uuid
from web.lists.registry import ListPlace, list_named

LONGEST_QUERY = 2000


def place_of(action: Action) -> ListPlace:
    """The list of an action that people begin on rows of a list."""
    place = list_named(action.list)
    assert place is not None, f"{action.name} names the list {action.list}, which is not registered"
    return place


def _keys(rows: object) -> list[uuid.UUID]:
    """One more than are allowed, so that too many are refused."""
    return [*rows.order_by().values_list("pk", flat=True)[: MOST + 1]]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Selection:
    """The rows that a person chose on a page of a list: some, or all of the list with these parameters in its address."""

    ids: tuple[uuid.UUID, ...]
    all_rows: bool
    query: str

    @classmethod
    def sent(cls, given: QueryDict) -> "Selection":
        """From a form. A value that is not an id is left out."""
        ids = [found for text in given.getlist("ids") if (found := as_uuid(text))]
        return cls(tuple(ids), given.get("all") == "yes", given.get("query", "")[:LONGEST_QUERY])

    def subjects(self, action: Action, *, now: datetime) -> list[uuid.UUID]:
        """With all rows, those that the page lists, on all its pages. What it ignores is ignored here too."""
        if not self.all_rows:
            return list(self.ids)
        place = place_of(action)
        filters, _ = place.declared.filters.of_page(QueryDict(self.query), place.rows(now))
        return _keys(filters.qs)

    def back(self, action: Action) -> str:
        """The address of the page of the list."""
        address = reverse(place_of(action).view)
        return f"{address}?{self.query}" if self.query else address


def in_api(action: Action, given: Mapping[str, str], *, now: datetime) -> list[uuid.UUID]:
    """The rows that the API lists with these filters. Raises: InputInvalid."""
    place = place_of(action)
    known = place.declared.filters.base_filters
    wrong = {f"filter.{name}"[:64]: [f"There is no filter with this name. Use: {', '.join(known)}."] for name in given if name not in known}
    filters = place.declared.filters(dict(given), queryset=place.rows(now))
    if not filters.form.is_valid():
        wrong |= {f"filter.{name}": [str(text) for text in texts] for name, texts in filters.form.errors.items()}
    if wrong:
        raise InputInvalid(wrong)
    return _keys(filters.qs)
