"""The list of the expiry board. Its rows come from several tables, so it pages them itself."""

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from certs.models import Certificate
from qmc.expiry.board import BoardRow
from qmc.expiry.rows import ORDER, ExpiryRows
from qmc.expiry.view_models import ExpiryFilter
from web.lists.declared import Column, List
from web.lists.downloads import BATCH
from web.lists.keyset import CursorInvalid, Order, Part
from web.lists.listed import Listed

JSON = (
    "id", "kind", "subject", "holder", "not_after", "days_left", "expiry_status", "bucket", "owner", "what_happens", "explanation", "due_at",
)  # fmt: skip


class ExpiryList(List):
    model = Certificate
    noun, caption = "expiry date", "Everything that expires"
    empty = "Nothing has an expiry date yet."
    columns = (
        Column("subject", "What", "qmc/expiry/cell_expiring.html"),
        Column("owner", "Owner"),
        Column("not_after", "Expires", "qmc/expiry/cell_expires.html"),
        Column("what_happens", "What happens", "qmc/expiry/cell_happens.html"),
        Column("due_at", "Due", "qmc/expiry/cell_due.html"),
    )
    sort = "not_after"
    csv = JSON

    def json(self, rows: list[BoardRow], now: datetime) -> list[dict[str, Any]]:
        return [{name: getattr(row, name) for name in JSON} for row in rows]


class ExpiryListed(Listed):
    """The rows that a request asks for."""

    def __init__(self, request: HttpRequest, rows: ExpiryRows, form: ExpiryFilter, *, now: datetime) -> None:
        super().__init__(request, ExpiryList(), Certificate.objects.none(), now=now)
        self.asked_rows, self.form = rows, form
        self._ignored = {str(form.fields[name].label): [*map(str, texts)] for name, texts in form.errors.items()}

    @property
    def everything_url(self) -> str:
        """The address without the filters, of the same day."""
        day = self.request.GET.get("as_of")
        return f"{self.request.path}?{urlencode({'as_of': day})}" if day else self.request.path

    @cached_property
    def order(self) -> Order:
        return ORDER

    @cached_property
    def total(self) -> int:
        return self.asked_rows.count()

    def _json(self) -> Iterator[list[dict[str, Any]]]:
        for rows in self.asked_rows.batches(BATCH):
            yield self.declared.json(rows, self.now)

    @cached_property
    def _asked(self) -> tuple[Part, str]:
        cursor = self.request.GET.get("cursor", "")
        try:
            part = self.asked_rows.part(size=self.size, cursor=cursor)
        except CursorInvalid:
            return self.asked_rows.part(size=self.size), "The address names a page that does not exist. This is the first page."
        if cursor and not part.rows:
            return self.asked_rows.part(size=self.size), "There are no more rows at this place. This is the first page."
        return part, ""
