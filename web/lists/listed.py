"""A list on a page: the rows that its address asks for, with the links to sort, page and download them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.template.loader import get_template

from audit.reasons import may_read_reasons, without
from web.errors import InputInvalid
from web.lists.actions import ListAction, list_actions
from web.lists.declared import PAGE_SIZE, Column, List
from web.lists.downloads import BATCH, TYPES, download
from web.lists.filters import Suggested
from web.lists.keyset import Part, Source
from web.lists.memory import KeptChoice, KeptView, kept_choice, kept_views
from web.words import counted

SIZES = (25, 50, 100)
PLACES = ("page", "cursor", "download", "suggest", "counts")
NOT_OF_A_VIEW = (*PLACES, "page_size")
MOST_COUNTED = 10_000
LONGEST_NUMBER, LONGEST_SHOWN, MOST_NOTES = 10, 40, 5


@dataclass(frozen=True)
class Heading:
    """The heading of a column. `direction` is the order now: ascending, descending or empty. `url` reverses it. `term` is the word that it explains."""

    label: str
    url: str
    direction: str
    term: str


class Cell(NamedTuple):
    """A cell of a row: drawn by `template`, or `text` if there is none."""

    label: str
    template: Any
    text: Any


@dataclass(frozen=True)
class ListRow:
    """A row on the page: what its cells show. A row of a table has a key, and one that can be chosen has a name."""

    record: Any
    key: str
    name: str
    cells: list[Cell]


@dataclass(frozen=True)
class Choice:
    """A link to another view of the list."""

    label: str
    url: str
    chosen: bool = False


@dataclass(frozen=True)
class ViewLink:
    """A quick filter or a saved view. `owner` is another person who shares it."""

    label: str
    url: str
    query: str
    chosen: bool
    count: str = ""
    owner: str = ""


def _plain(query: str) -> dict[str, str]:
    """What a view is recognized by: its filters and its order."""
    given = QueryDict(query)
    return {name: given[name] for name in given if given[name] and name not in (*NOT_OF_A_VIEW, "columns")}


class Filtered:
    """A list with the filters that a request has. The filters of the list take `rows`, mostly a queryset, and leave `found`.

    `path` is the address of the page with the list, for the answer to a form that was sent to another address.
    """

    def __init__(self, request: HttpRequest, declared: List, rows: Any, *, now: datetime, path: str = "") -> None:
        self.request, self.declared, self.now, self.path = request, declared, now, path or request.path
        self._rows = rows
        self._filters, self._ignored = declared.filters.of_page(request.GET, rows)
        self.form, self.found = self._filters.form, self._filters.qs

    @cached_property
    def answer(self) -> HttpResponseBase | None:
        """The answer if the address asks for suggestions. Otherwise the page is to be shown."""
        asked = self._filters.filters.get(self.request.GET.get("suggest", ""))
        if isinstance(asked, Suggested):
            texts = asked.suggestions(self._filters.form.cleaned_data.get(self.request.GET["suggest"]) or "")
            return render(self.request, "web/lists/options.html", {"texts": texts})
        return None

    def page(self, template: str, **context: Any) -> HttpResponseBase:
        """`template` with the list as `listed`; or what else the address asks for."""
        return self.answer or render(self.request, template, {"listed": self, "now": self.now, **context})

    @cached_property
    def choice(self) -> KeptChoice:
        """What the person keeps for this list."""
        return kept_choice(self.request.user, self.declared.name)

    @cached_property
    def size(self) -> int:
        asked = self.request.GET.get("page_size", "") or str(self.choice.size)
        return next((size for size in SIZES if str(size) == asked), PAGE_SIZE)

    @cached_property
    def columns(self) -> list[Column]:
        """The columns of the address, else those that the person keeps, else all. The first one of the list always stays."""
        first, *others = self.declared.columns
        known = {column.name: column for column in others}
        asked = self.request.GET.get("columns", "")
        names = asked.split(",") if asked else self.choice.columns or tuple(known)
        return [first, *(known[name] for name in dict.fromkeys(names) if name in known)]

    @property
    def notes(self) -> list[str]:
        """What of the address was ignored, and why."""
        found = [f"{label}: {' '.join(texts)} This filter is ignored." for label, texts in self._ignored.items()]
        if self.declared.name:
            given, columns = self.request.GET, [column.name for column in self.declared.columns]
            unknown = [name for name in given if name not in {*self.form.fields, *NOT_OF_A_VIEW, "sort", "columns"}]
            found += [f"There is no filter “{name[:LONGEST_SHOWN]}”. It is ignored." for name in unknown]
            gone = [name for name in given.get("columns", "").split(",") if name and name not in columns]
            found += [f"There is no column “{name[:LONGEST_SHOWN]}”. It is ignored." for name in gone]
            if given.get("sort") and given["sort"] not in self.declared.sort_names():
                found.append(f"There is no order “{given['sort'][:LONGEST_SHOWN]}”. It is ignored.")
        return found[:MOST_NOTES]

    def url(self, **changes: object) -> str:
        """The address of the same list with other parameters; None leaves one out. It is the first page, unless a change names another one."""
        query = self.request.GET.copy()
        for name, value in {**dict.fromkeys(PLACES), **changes}.items():
            query.pop(name, None)
            if value is not None:
                query[name] = str(value)
        return f"{'' if self.path == self.request.path else self.path}?{query.urlencode()}"

    @property
    def kept(self) -> dict[str, str]:
        """The parameters of the address that the form of the filters keeps."""
        names = {*self.request.GET} - {*self.form.fields, *PLACES}
        return {name: self.request.GET[name] for name in sorted(names)}

    @property
    def everything_url(self) -> str:
        """The address without the filters."""
        query = self.request.GET.copy()
        for name in [*({*self.form.fields} - {*self._filters.tabs}), "cursor", "page"]:
            query.pop(name, None)
        return f"{self.path}?{query.urlencode()}" if query else self.path

    @property
    def filtered(self) -> bool:
        """Whether the filters may hide rows."""
        return bool({*self.form.changed_data} - {*self._filters.tabs})


class Listed(Filtered):
    """The rows of a list that a request asks for. Nothing is read before it is shown."""

    @cached_property
    def answer(self) -> HttpResponseBase | None:
        """The answer if the address asks for a file, for suggestions, or for the numbers of its views. Otherwise the page is to be shown."""
        if suggestions := super().answer:
            return suggestions
        if "counts" in self.request.GET and self.declared.name:
            return render(self.request, "web/lists/quick.html", {"listed": self, "counted": True})
        kind = self.request.GET.get("download", "")
        if kind not in TYPES:
            return None
        name = (self.declared.many or f"{self.declared.noun}s").replace(" ", "-")
        return download(kind, name, self._json(), self.declared.csv)

    def _json(self) -> Iterator[list[dict[str, Any]]]:
        hidden = () if may_read_reasons(self.request.actor) else self.declared.reasons  # type: ignore[attr-defined]  # of a page
        for rows in self.source.batches(BATCH):
            yield [without(row, hidden) for row in self.declared.json(rows, self.now)]

    @cached_property
    def source(self) -> Source:
        asked = self.request.GET.get("sort", "")
        return self.declared.source(self.found, asked if asked in self.declared.sort_names() else self.declared.default)

    @cached_property
    def _asked(self) -> tuple[Part, str]:
        """The page that the address asks for. If there is none, the first one, with the reason."""
        given = self.request.GET
        number = given.get("page", "")
        try:
            if given.get("cursor"):
                part = self.source.part(size=self.size, cursor=given["cursor"])
            elif number.isascii() and number.isdigit() and 0 < len(number) <= LONGEST_NUMBER and int(number):
                part = self.source.numbered(size=self.size, number=int(number))
            else:
                part = self.source.part(size=self.size)
        except InputInvalid:
            return self.source.part(size=self.size), "The address names a page that does not exist. This is the first page."
        if given.get("cursor") and not part.rows:
            return self.source.part(size=self.size), "There are no more rows at this place. This is the first page."
        return part, ""

    @property
    def part(self) -> Part:
        return self._asked[0]

    @property
    def notes(self) -> list[str]:
        return [*super().notes, *filter(None, [self._asked[1]])]

    @cached_property
    def total(self) -> int:
        """Counted by the database. A search that this page answers as a whole is not made again."""
        whole = self.filtered and not (self.part.previous or self.part.next)
        return len(self.part.rows) if whole else self.source.count()

    @property
    def count(self) -> str:
        """The number of rows with its noun."""
        return counted(self.total, self.declared.noun, self.declared.many)

    @property
    def range(self) -> str:
        """The numbers of the first and the last row on the page; empty if it has all rows."""
        return f"{self.part.before + 1}–{self.part.before + len(self.part.rows)}" if len(self.part.rows) < self.total else ""

    @property
    def records(self) -> list[Any]:
        return self.declared.shown(self.part.rows, self.now)

    @property
    def query(self) -> str:
        return self.request.GET.urlencode()

    @property
    def counts_url(self) -> str:
        return self.url(counts="")

    @cached_property
    def _kept_views(self) -> list[KeptView]:
        return kept_views(self.request.user, self.declared.name)

    @property
    def own_view(self) -> KeptView | None:
        """The saved view of the person that the address has."""
        here = _plain(self.query)
        return next((view for view in self._kept_views if not view.owner and _plain(view.query) == here), None)

    @property
    def views(self) -> list[ViewLink]:
        """The quick filters, then saved views. Their numbers are counted only if the address asks for them."""
        here, counts = _plain(self.query), "counts" in self.request.GET
        quick = [(quick.label, quick.query, "") for quick in self.declared.quick]
        found = [*quick, *((view.name, view.query, view.owner) for view in self._kept_views)]
        return [
            ViewLink(
                label,
                f"{self.path}?{query}" if query else self.path,
                query,
                _plain(query) == here,
                self._number(query) if counts else "",
                owner,
            )
            for label, query, owner in found
        ]

    def _number(self, query: str) -> str:
        """The number of rows of a view. The database stops counting at 10 000."""
        filters, _ = self.declared.filters.of_page(QueryDict(query), self._rows)
        number = filters.qs.order_by()[:MOST_COUNTED].count()
        return str(number) if number < MOST_COUNTED else f"{MOST_COUNTED}+"

    @cached_property
    def actions(self) -> list[ListAction]:
        """What the person may do to rows that they choose."""
        return list_actions(self.declared.name, self.request.actor)  # type: ignore[attr-defined]  # of a page

    @property
    def rows(self) -> list[ListRow]:
        """Each row with its cells. A template is looked up once for all rows."""
        columns = [(column, get_template(column.template) if column.template else None) for column in self.columns]
        return [
            ListRow(
                record,
                str(getattr(row, "pk", "")),
                self.declared.row_name(row) if self.actions else "",
                [Cell(column.label, drawn, "" if drawn else getattr(record, column.name) or column.empty) for column, drawn in columns],
            )
            for row, record in zip(self.part.rows, self.records, strict=True)
        ]

    @property
    def headings(self) -> list[Heading]:
        sorts = self.declared.sorts()
        order = self.source.order.name
        name, direction = order.removeprefix("-"), "descending" if order.startswith("-") else "ascending"
        return [
            Heading(
                column.label,
                self.url(sort=f"-{column.name}" if order == column.name else column.name) if column.name in sorts else "",
                direction if column.name == name else "",
                column.term,
            )
            for column in self.columns
        ]

    @property
    def first_url(self) -> str:
        return self.url() if self.part.previous else ""

    @property
    def previous_url(self) -> str:
        return self.url(cursor=self.part.previous) if self.part.previous else ""

    @property
    def next_url(self) -> str:
        return self.url(cursor=self.part.next) if self.part.next else ""

    @property
    def last_url(self) -> str:
        return self.url(cursor=self.source.last_cursor(self.total)) if self.part.next else ""

    @property
    def sizes(self) -> list[Choice]:
        """The page sizes; none if the smallest page has all rows."""
        return [Choice(str(size), self.url(page_size=size), size == self.size) for size in SIZES] if self.total > SIZES[0] else []

    @property
    def downloads(self) -> list[Choice]:
        return [Choice(kind.upper(), self.url(download=kind)) for kind in TYPES] if self.total and self.declared.csv else []
