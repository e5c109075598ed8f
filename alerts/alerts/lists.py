"""The lists of alerts and of the messages about one, and the format of an alert in the API and in files."""

from datetime import datetime
from typing import Any

from alerts.alerts.filters import AlertFilter
from alerts.models import Alert, Message
from web.lists.declared import List

PLAIN = (
    "code", "subject", "state", "severity", "title", "text", "remedy", "url", "since", "threshold_days", "opened_at", "changed_at", "closed_at", "returns",
    "acknowledged_by", "acknowledged_until", "note",
)  # fmt: skip


def alert_json(alert: Alert) -> dict[str, Any]:
    return {"id": str(alert.pk), **{name: getattr(alert, name) for name in PLAIN}}


class AlertList(List):
    model = Alert
    noun, caption = "alert", "Alerts"
    filters = AlertFilter
    orders = {"opened": ("opened_at",), "closed": ("closed_at",), "worst": ("rank", "-opened_at")}
    sort = "-opened"
    csv = ("id", *PLAIN)

    def json(self, rows: list[Alert], now: datetime) -> list[dict[str, Any]]:
        return [alert_json(alert) for alert in rows]


class MessageList(List):
    model = Message
    noun, caption = "change", "History"
    orders = {"at": ("at", "number")}
    sort = "-at"
