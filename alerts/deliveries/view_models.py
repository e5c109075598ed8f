"""The page of a delivery."""

from dataclasses import dataclass

from alerts.models import Channel, Delivery, QueuedMessage
from alerts.states import DELIVERY_TRANSITIONS, DeliveryState

MOST_SHOWN = 50


@dataclass(frozen=True)
class DeliveriesPage:
    """The deliveries of a channel."""

    channel: Channel


@dataclass(frozen=True)
class DeliveryPage:
    """One delivery. `messages` are what it reports, at most MOST_SHOWN of `total`."""

    delivery: Delivery
    messages: list[QueuedMessage]
    total: int

    @property
    def is_unfinished(self) -> bool:
        return bool(DELIVERY_TRANSITIONS[DeliveryState(self.delivery.state)])

    @property
    def title(self) -> str:
        return f"Test message to {self.delivery.channel}" if self.delivery.is_test else self.delivery.title

    @property
    def result(self) -> str:
        """What its state means."""
        channel = self.delivery.channel
        if self.delivery.state == DeliveryState.FAILED and self.delivery.is_test:
            return "The message has not arrived. Fix the cause, then send another test message."
        return {
            DeliveryState.WAITING: "A worker sends it in a moment. This page shows the result.",
            DeliveryState.SENDING: f"The console is sending it. It waits at most 15 seconds for {channel}.",
            DeliveryState.SENT: f"{channel} has accepted the message.",
            DeliveryState.UNKNOWN: "It may have arrived. It is sent again with the same id, and marked as a possible repeat.",
            DeliveryState.FAILED: "It has not arrived. What it reported is delivered by a later one.",
        }[DeliveryState(self.delivery.state)]

    @property
    def error_color(self) -> str:
        return "red" if self.delivery.state == DeliveryState.FAILED else "orange"

    @property
    def announcement(self) -> str:
        """The text for screen readers when the state is final."""
        return "" if self.is_unfinished else f"{self.result} {self.delivery.error}"

    @property
    def more(self) -> int:
        return self.total - len(self.messages)


def delivery_page(delivery: Delivery) -> DeliveryPage:
    messages = delivery.messages.select_related("message__alert")
    return DeliveryPage(delivery, list(messages[:MOST_SHOWN]), messages.count())
