"""Keep columns and rows of a page, and save, change and remove views of lists."""

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.http import QueryDict

from audit.actors import Actor
from audit.record import record
from people.models import ListChoice, Person, SavedView
from web.errors import InputInvalid
from web.lists.listed import NOT_OF_A_VIEW, SIZES
from web.lists.registry import ListPlace

MOST_VIEWS, LONGEST_NAME, LONGEST_QUERY = 50, 60, 2000
OTHERS = "Only its owner changes a view. Save the list as a view of your own."


def list_choice_keep(*, person: Person, place: ListPlace, columns: Sequence[str], page_size: int) -> None:
    """Keep the columns and the rows on a page of one list. It is no event: nobody else sees a difference. Raises: InputInvalid."""
    known = [column.name for column in place.declared.columns]
    if unknown := [name for name in columns if name not in known]:
        raise InputInvalid({"columns": [f"There is no column {unknown[0][:40]}. Use: {', '.join(known)}."]})
    if page_size and page_size not in SIZES:
        raise InputInvalid({"page_size": [f"Use one of: {', '.join(map(str, SIZES))}."]})
    chosen = list(dict.fromkeys(columns))
    kept = [] if chosen == known else chosen
    ListChoice.objects.update_or_create(person=person, list_name=place.declared.name, defaults={"columns": kept, "page_size": page_size})


def query_kept(query: str, *, columns: Sequence[str] = ()) -> str:
    """What a view keeps of the query of an address: filters and order, not the place in the list. With `columns`, if the query has none."""
    kept = QueryDict(query[:LONGEST_QUERY]).copy()
    for name in NOT_OF_A_VIEW:
        kept.pop(name, None)
    if columns and "columns" not in kept:
        kept["columns"] = ",".join(columns)
    for name in [name for name in kept if not kept[name]]:
        del kept[name]
    return kept.urlencode()[:LONGEST_QUERY]


def view_save(*, actor: Actor, owner: Person, place: ListPlace, name: str, query: str, shared: bool, now: datetime) -> SavedView:
    """Save a view. Raises: InputInvalid."""
    if SavedView.objects.filter(owner=owner).count() >= MOST_VIEWS:
        raise InputInvalid({"name": [f"You have {MOST_VIEWS} views already. Remove one first."]})
    view = SavedView(owner=owner, list_name=place.declared.name, name=_name(name), query=query, shared=shared, created_at=now)
    _written(actor, view, "list-view.saved", now)
    return view


def view_change(*, actor: Actor, person: Person, view: SavedView, name: str, shared: bool, now: datetime) -> None:
    """Rename a view, and share it or not. Raises: InputInvalid."""
    _of(person, view)
    view.name, view.shared = _name(name), shared
    _written(actor, view, "list-view.changed", now)


@transaction.atomic
def view_remove(*, actor: Actor, person: Person, view: SavedView, now: datetime) -> None:
    """Raises: InputInvalid."""
    _of(person, view)
    record(actor=actor, action="list-view.removed", target=view, detail={"list": view.list_name}, now=now)
    view.delete()


def _of(person: Person, view: SavedView) -> None:
    if view.owner_id != person.pk:
        raise InputInvalid({"name": [OTHERS]})


def _name(name: str) -> str:
    shown = " ".join(name.split())
    if not shown or len(shown) > LONGEST_NAME or not shown.isprintable():
        raise InputInvalid({"name": ["Give a name of at most 60 characters that can be printed."]})
    return shown


def _written(actor: Actor, view: SavedView, action: str, now: datetime) -> None:
    try:
        with transaction.atomic():
            view.save()
            record(actor=actor, action=action, target=view, detail={"list": view.list_name, "shared": view.shared}, now=now)
    except IntegrityError as exc:
        raise InputInvalid({"name": ["You have a view with this name. Choose another name, or remove that view."]}) from exc
