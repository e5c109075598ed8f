"""The rows that were chosen by the filters of a list instead of one by one."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from django.http import QueryDict

from bulk.actions import Action
from bulk.services import MOST
from web.errors import InputInvalid
from web.lists.registry import ListPlace, list_named


def place_of(action: Action) -> ListPlace:
    """The list of an action that people begin on rows of a list."""
    place = list_named(action.list)
    assert place is not None, f"{action.name} names the list {action.list}, which is not registered"
    return place


def _keys(rows: object) -> list[uuid.UUID]:
    """One more than are allowed, so that too many are refused."""
    return [*rows.order_by().values_list("pk", flat=True)[: MOST + 1]]  # type: ignore[attr-defined]


def on_page(action: Action, address: str, *, now: datetime) -> list[uuid.UUID]:
    """The rows that a page with these parameters lists, on all its pages. What it ignores is ignored here too."""
    place = place_of(action)
    filters, _ = place.declared.filters.of_page(QueryDict(address), place.rows(now))
    return _keys(filters.qs)


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
