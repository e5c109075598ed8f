"""The only function that changes the state of a delivery."""

from datetime import datetime
from typing import Any

from alerts.errors import IllegalAlertTransition, StaleAlert
from alerts.models import Delivery
from alerts.states import DELIVERY_TRANSITIONS, DeliveryState


def delivery_transition(*, delivery: Delivery, to: DeliveryState, now: datetime, **changes: Any) -> None:
    """Move `delivery` to `to`. Raises: IllegalAlertTransition, StaleAlert (another worker was first)."""
    old = DeliveryState(delivery.state)
    if to not in DELIVERY_TRANSITIONS[old]:
        raise IllegalAlertTransition(f"A delivery that is {old} cannot become {to}.")
    same = Delivery.objects.filter(pk=delivery.pk, state=old, attempts=delivery.attempts)
    if not same.update(state=to, changed_at=now, **changes):
        raise StaleAlert("Another worker has just changed this delivery.")
    delivery.refresh_from_db()
