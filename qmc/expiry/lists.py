"""The list of the expiry board."""

from datetime import datetime
from typing import Any

from certs.models import Certificate
from qmc.expiry.board import BoardRow
from qmc.expiry.everything import Entry, Everything
from qmc.expiry.filters import ExpiryFilter
from qmc.expiry.rows import ExpiryRows
from web.lists.declared import Column, List

JSON = (
    "id", "kind", "subject", "holder", "not_after", "days_left", "expiry_status", "bucket", "owner", "what_happens", "explanation", "due_at",
)  # fmt: skip


class ExpiryList(List):
    model = Certificate
    noun, caption = "expiry date", "Everything that expires"
    empty = "Nothing has an expiry date yet."
    filters = ExpiryFilter
    columns = (
        Column("subject", "What", "qmc/expiry/cell_expiring.html"),
        Column("owner", "Owner"),
        Column("not_after", "Expires", "qmc/expiry/cell_expires.html", sort="not_after"),
        Column("what_happens", "What happens", "qmc/expiry/cell_happens.html"),
        Column("due_at", "Due", "qmc/expiry/cell_due.html"),
    )
    sort = "not_after"
    csv = JSON
    reasons = ("explanation",)

    def __init__(self, every: Everything) -> None:
        super().__init__()
        self.every = every

    def shown(self, rows: list[Entry], now: datetime) -> list[BoardRow]:
        return self.every.built(rows)

    def json(self, rows: list[Entry], now: datetime) -> list[dict[str, Any]]:
        # A text that is read when it is shown is read now, while the facts of the request are known.
        return [{name: getattr(row, name) for name in JSON} | {"explanation": str(row.explanation)} for row in self.every.built(rows)]

    def source(self, rows: ExpiryRows, name: str) -> ExpiryRows:
        return ExpiryRows(rows.every, rows.asked, name)
