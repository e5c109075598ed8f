"""The list of deliveries of a channel, and the format of its rows in the API and in files."""

from datetime import datetime
from typing import Any

from alerts.models import Delivery
from web.lists.declared import Column, List

PLAIN = ("state", "title", "created_at", "changed_at", "attempts", "possible_repeat", "is_test", "error")


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    return {"id": str(delivery.pk), **{name: getattr(delivery, name) for name in PLAIN}}


class DeliveryList(List):
    model = Delivery
    noun, many, caption = "delivery", "deliveries", "Deliveries"
    empty = "Nothing was sent yet."
    columns = (
        Column("title", "What", "alerts/deliveries/cell_title.html"),
        Column("state", "State", "alerts/deliveries/cell_state.html", sort="state"),
        Column("attempts", "Attempts", sort="attempts"),
        Column("created_at", "Begun", "alerts/deliveries/cell_created.html", sort="created_at"),
    )
    sort = "-created_at"
    csv = ("id", *PLAIN)

    def json(self, rows: list[Delivery], now: datetime) -> list[dict[str, Any]]:
        return [delivery_json(delivery) for delivery in rows]
