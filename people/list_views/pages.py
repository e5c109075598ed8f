"""Pages of what a person keeps of a list: parse, ask a service, render."""

import uuid
from dataclasses import dataclass
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from people.list_views.forms import NewViewForm, ViewForm
from people.list_views.services import list_choice_keep, query_kept, view_change, view_remove, view_save
from people.models import Person, SavedView
from web.errors import InputInvalid
from web.lists.declared import PAGE_SIZE, Column
from web.lists.listed import SIZES
from web.lists.memory import kept_choice
from web.lists.registry import ListPlace, list_named
from web.page import PageRequest, page

ANYBODY = ""  # of those who may open the list


@dataclass(frozen=True)
class ColumnRow:
    """A column to show or not. The first one always stays."""

    column: Column
    shown: bool
    fixed: bool
    can_rise: bool
    can_sink: bool


@dataclass(frozen=True)
class ColumnsPage:
    title: str
    rows: list[ColumnRow]
    size: int
    back: str
    sizes = SIZES


@dataclass(frozen=True)
class ViewPage:
    title: str
    back: str
    query: str
    view: SavedView | None = None


def _place(request: PageRequest, name: str) -> ListPlace:
    """The list with this name. Raises: Http404, PermissionRefused."""
    place = list_named(name)
    if place is None:
        raise Http404
    request.actor.require(place.permission)
    return place


def _person(request: PageRequest) -> Person:
    return cast(User, request.user).person


def _context(place: ListPlace, shown: ColumnsPage | ViewPage) -> dict[str, Any]:
    return {"page": shown, "belongs_to": reverse(place.view)}


def _columns_page(place: ListPlace, order: list[str], shown: list[str], size: int) -> ColumnsPage:
    columns = {column.name: column for column in place.declared.columns}
    first, last = next(iter(columns)), len(order) - 1
    rows = [
        ColumnRow(columns[name], name in shown, name == first, can_rise=number > 1, can_sink=0 < number < last) for number, name in enumerate(order)
    ]  # fmt: skip
    return ColumnsPage(place.declared.caption, rows, size, reverse(place.view))


@page(ANYBODY)
def columns(request: PageRequest, name: str) -> HttpResponse:
    """A button moves a column by one place; nothing is kept before *Save*. It works without scripts and without a mouse."""
    place = _place(request, name)
    known = [column.name for column in place.declared.columns]
    if request.method != "POST":
        kept = kept_choice(request.user, name)
        shown = [column for column in kept.columns if column in known] or known
        order = [known[0], *(column for column in [*shown, *known] if column != known[0])]
        return render(
            request,
            "people/list_views/columns.html",
            _context(place, _columns_page(place, list(dict.fromkeys(order)), shown, kept.size or PAGE_SIZE)),
        )
    order = [*dict.fromkeys([known[0], *(column for column in request.POST.getlist("order") if column in known), *known])]
    shown = [known[0], *request.POST.getlist("shown")]
    size = request.POST.get("page_size", "")
    number = int(size) if size in map(str, SIZES) else PAGE_SIZE
    if "all" in request.POST:
        list_choice_keep(person=_person(request), place=place, columns=known, page_size=0)
    elif "save" in request.POST:
        list_choice_keep(person=_person(request), place=place, columns=[column for column in order if column in shown], page_size=number)
    else:
        moved = _columns_page(place, _moved(order, request.POST), shown, number)
        return render(request, "people/list_views/columns.html", _context(place, moved))
    return redirect(place.view)


def _moved(order: list[str], given: object) -> list[str]:
    """The order after the button: a column changes places with the one above or below it. The first column stays."""
    for name, step in (("up", -1), ("down", 1)):
        column = given.get(name, "")  # type: ignore[attr-defined]  # the fields of a form
        place = order.index(column) if column in order else 0
        if place > 0 and 0 < place + step < len(order):
            order[place], order[place + step] = order[place + step], order[place]
    return order


@page(ANYBODY)
def view_new(request: PageRequest, name: str) -> HttpResponse:
    place, now = _place(request, name), timezone.now()
    asked = (request.POST if request.method == "POST" else request.GET).get("query", "")
    form, mine = NewViewForm(request.POST if request.method == "POST" else None), kept_choice(request.user, name).columns
    if form.is_valid():
        query = query_kept(asked, columns=mine if form.cleaned_data.pop("with_columns") else ())
        try:
            view_save(actor=request.actor, owner=_person(request), place=place, query=query, now=now, **form.cleaned_data)
            return redirect(f"{reverse(place.view)}?{query}")
        except InputInvalid as exc:
            form.refuse(exc)
    if not mine:
        del form.fields["with_columns"]
    shown = ViewPage("Save this view", f"{reverse(place.view)}?{query_kept(asked)}", asked)
    return render(request, "people/list_views/view.html", _context(place, shown) | {"form": form}, status=400 if form.errors else 200)


@page(ANYBODY)
def view(request: PageRequest, pk: uuid.UUID) -> HttpResponse:
    person, now = _person(request), timezone.now()
    row = get_object_or_404(SavedView, pk=pk, owner=person)
    place = _place(request, row.list_name)
    form = ViewForm(request.POST if request.method == "POST" else None, initial={"name": row.name, "shared": row.shared})
    back = f"{reverse(place.view)}?{row.query}"
    if request.method == "POST" and "remove" in request.POST:
        view_remove(actor=request.actor, person=person, view=row, now=now)
        return redirect(place.view)
    if form.is_valid():
        try:
            view_change(actor=request.actor, person=person, view=row, now=now, **form.cleaned_data)
            return redirect(back)
        except InputInvalid as exc:
            form.refuse(exc)
    context = _context(place, ViewPage(f"View: {row.name}", back, row.query, row)) | {"form": form}
    return render(request, "people/list_views/view.html", context, status=400 if form.errors else 200)
