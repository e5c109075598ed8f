"""Who was notified about an alert, and when."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Max, OuterRef, Subquery

from alerts.models import QueuedMessage
from alerts.states import DeliveryState
from web.words import listed


@dataclass(frozen=True)
class Notified:
    """How many messages about an alert were sent, and the channels that took the last one."""

    times: int
    last_at: datetime
    channels: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The last time follows it."""
        by = listed(self.channels)
        return f"notified once, by {by}" if self.times == 1 else f"notified {self.times} times, last by {by}"


def notified_about(alerts: Collection[uuid.UUID]) -> dict[uuid.UUID, Notified]:
    """The alerts about which at least one message was sent, in two queries."""
    sent = QueuedMessage.objects.filter(delivery__state=DeliveryState.SENT).order_by()
    ours = sent.filter(message__alert__in=alerts)
    counts = ours.values("message__alert").annotate(times=Count("message", distinct=True), at=Max("delivery__changed_at"))
    last = sent.filter(message__alert=OuterRef("message__alert")).order_by("-message__number").values("message__number")[:1]
    names: dict[uuid.UUID, list[str]] = {}
    for alert, name in (
        ours.annotate(last=Subquery(last))
        .filter(message__number=F("last"))
        .order_by("channel__name")
        .values_list("message__alert", "channel__name")
    ):
        names.setdefault(alert, []).append(name)
    return {row["message__alert"]: Notified(row["times"], row["at"], tuple(names[row["message__alert"]])) for row in counts}
