"""The rows of bulk work, and their format in the API and in files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.urls import reverse

from bulk.actions import action_shown
from bulk.filters import BulkItemFilter
from bulk.models import BulkItem, BulkWork
from web.lists.declared import Column, List

PLAIN = ("number", "label", "state", "text", "ended_at")


class BulkItemList(List):
    model = BulkItem
    noun, caption = "row", "Rows"
    empty = "No rows."
    filters = BulkItemFilter
    columns: ClassVar[Sequence[Column]] = (
        Column("label", "Row", "bulk/cell_label.html"),
        Column("number", "No.", sort="number"),
        Column("state", "Result", "bulk/cell_state.html", sort="state"),
    )
    sort = "number"
    csv = ("id", *PLAIN, "subject")
    reasons = ("text",)

    def __init__(self, work: BulkWork) -> None:
        super().__init__()
        self.work = work

    def shown(self, rows: list[Any], now: datetime) -> list[Any]:
        """With the address of the page of each object, and its state."""
        action = action_shown(self.work.action)
        states = action.states([row.subject for row in rows if row.subject]) if action and action.states else {}
        for row in rows:
            row.object_state = states.get(row.subject, "")
            row.url = reverse(action.page, args=[row.subject]) if action and action.page and row.subject else ""
        return rows

    def json(self, rows: list[BulkItem], now: datetime) -> list[dict[str, Any]]:
        return [
            {"id": str(row.pk), "subject": str(row.subject) if row.subject else None, **{name: getattr(row, name) for name in PLAIN}}
            for row in rows
        ]
