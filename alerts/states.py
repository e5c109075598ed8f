"""The states of an alert and of a delivery, with one transition table each, and what happens to an alert."""

from django.db.models import TextChoices


class AlertState(TextChoices):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


A = AlertState
ALERT_TRANSITIONS: dict[AlertState, frozenset[AlertState]] = {
    A.OPEN: frozenset({A.OPEN, A.ACKNOWLEDGED, A.CLOSED}),  # open → open: it was escalated, or its reminder is due
    A.ACKNOWLEDGED: frozenset({A.ACKNOWLEDGED, A.OPEN, A.CLOSED}),  # another note or end; its end has come, or it became more severe
    A.CLOSED: frozenset({A.OPEN}),  # its cause came back soon
}


class Change(TextChoices):
    """What happened to an alert. Each change is one message."""

    OPENED = "opened"
    ESCALATED = "escalated"
    REMINDED = "reminded"
    ACKNOWLEDGED = "acknowledged"
    RESUMED = "resumed"  # the acknowledgement has ended, and the cause is still there
    CLOSED = "closed"
    RETURNED = "returned"  # the cause is back, soon after the alert was closed


class DeliveryState(TextChoices):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"  # it may have arrived. It is sent again with the same id, marked as a possible repeat
    FAILED = "failed"  # it has not arrived. What it reported is delivered by a later one


D = DeliveryState
DELIVERY_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    D.WAITING: frozenset({D.SENDING, D.FAILED}),
    D.SENDING: frozenset({D.SENT, D.UNKNOWN, D.FAILED}),
    D.UNKNOWN: frozenset({D.SENDING, D.FAILED}),
    D.SENT: frozenset(),
    D.FAILED: frozenset(),
}
UNDELIVERED = [state for state, following in DELIVERY_TRANSITIONS.items() if following]
