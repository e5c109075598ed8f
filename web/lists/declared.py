"""What a list declares once for its page, the API and its downloads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Model

from web.lists.counts import Computed
from web.lists.filters import ListFilter
from web.lists.keyset import InGroups, Rows, Source, order_of

PAGE_SIZE = 50


@dataclass(frozen=True)
class Column:
    """A column of the page. Its cells are drawn by `template`, which has the row as `record`, or are the attribute `name` of the row.

    `sort` names the fields to sort by, with spaces between them. Without it, the column cannot be sorted. `empty` is shown instead of nothing.
    `term` is the word of the glossary that its heading explains.
    """

    name: str
    label: str
    template: str = ""
    sort: str = ""
    empty: str = ""
    term: str = ""


@dataclass(frozen=True)
class Quick:
    """A view of a list that everybody has: a word, and the query of its address."""

    label: str
    query: str = ""


class List:
    """One list. `name` is that of the registry, if it is there. `sort` is its default order. `csv` names the columns of the CSV file, and `reasons` the members that have reasons: members of `json`."""

    name: ClassVar[str] = ""
    model: ClassVar[type[Model]]
    noun: ClassVar[str]
    many: ClassVar[str] = ""  # for nouns that do not end with an s
    caption: ClassVar[str]
    empty: ClassVar[str]
    filters: ClassVar[type[ListFilter]] = ListFilter
    columns: ClassVar[Sequence[Column]] = ()
    quick: ClassVar[Sequence[Quick]] = ()
    orders: ClassVar[Mapping[str, Sequence[str]]] = {}  # beside those of the columns
    sort: ClassVar[str]
    csv: ClassVar[Sequence[str]] = ()
    api_size: ClassVar[int] = PAGE_SIZE  # rows on a page of the API, if it is asked for no other number
    reasons: ClassVar[Sequence[str]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """A list that extends another one is not in the registry under its name."""
        super().__init_subclass__(**options)
        cls.name = cls.__dict__.get("name", "")

    def __init__(self, *, sort: str = "", computed: Computed | None = None) -> None:
        """`sort` is another default order for one page, `computed` the column by which one of the orders begins."""
        self.default, self.computed = sort or self.sort, computed

    def row_name(self, row: Any) -> str:
        """The name of a row, which no other row has."""
        return str(row)

    def shown(self, rows: list[Any], now: datetime) -> list[Any]:
        """What the cells of each row on the page show."""
        return rows

    def json(self, rows: list[Any], now: datetime) -> list[dict[str, Any]]:
        """The rows in the format of the API. A fixed number of queries."""
        raise NotImplementedError

    @classmethod
    def sorts(cls) -> dict[str, Sequence[str]]:
        """The fields of each order, by the name that the address has for it."""
        return {column.name: column.sort.split() for column in cls.columns if column.sort} | dict(cls.orders)

    @classmethod
    def sort_names(cls) -> list[str]:
        return [sign + name for name in cls.sorts() for sign in ("", "-")]

    def source(self, rows: Any, name: str) -> Source:
        """The rows that the filters leave, in the order with this name. Raises: KeyError for an order that the list does not have."""
        order, column = order_of(rows, name, self.sorts()[name.removeprefix("-")]), self.computed
        if column is not None and column.name == order.keys[0].name and rows.query.where == column.rows.query.where:
            return InGroups(rows, order, column)
        return Rows(rows, order)
