"""The only function that changes the state of an alert."""

from datetime import datetime
from typing import Any

from django.db import transaction

from alerts.errors import IllegalAlertTransition, StaleAlert
from alerts.models import Alert, Message
from alerts.states import ALERT_TRANSITIONS, AlertState, Change


@transaction.atomic
def alert_transition(*, alert: Alert, to: AlertState, change: Change, now: datetime, actor: str = "", **changes: Any) -> Message:
    """Move `alert` to `to`, and record a message about it. Raises: IllegalAlertTransition, StaleAlert (another process was first)."""
    old = AlertState(alert.state)
    if to not in ALERT_TRANSITIONS[old]:
        raise IllegalAlertTransition(f"“{alert.title}” is {old.label.lower()}, so it cannot become {to.label.lower()} now.")
    same = Alert.objects.filter(pk=alert.pk, state=old, version=alert.version)
    if not same.update(state=to, version=alert.version + 1, changed_at=now, **changes):
        raise StaleAlert(f"“{alert.title}” has just been changed by another request. Load the page again.")
    alert.refresh_from_db()
    return message_record(alert=alert, change=change, now=now, actor=actor)


def message_record(*, alert: Alert, change: Change, now: datetime, actor: str = "") -> Message:
    """A message with what is known of the alert now. Its number is the version of the alert, so that each version has one message."""
    return Message.objects.create(
        alert=alert, number=alert.version, change=change, at=now, severity=alert.severity, title=alert.title, text=alert.text,
        remedy=alert.remedy, actor=actor, note=alert.note if change == Change.ACKNOWLEDGED else "",
    )  # fmt: skip
