"""Old alerts and deliveries are deleted, but not by a clock that has just jumped."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.alerts.transition import message_record
from alerts.deliveries.tasks import alerts_delete_old
from alerts.models import Alert, Channel, Delivery, Message
from alerts.states import AlertState, Change, DeliveryState
from jobs.clock import NAME
from jobs.models import PeriodicWork

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.django_db
def test_what_is_older_than_400_days_is_deleted() -> None:
    channel = Channel.objects.create(name="ops", kind="mail", created_at=NOW, changed_at=NOW)
    for days in (399, 401):
        at = NOW - days * DAY
        for state in AlertState:
            closed_at = at if state == AlertState.CLOSED else None
            fields = {"severity": "warning", "title": "t", "opened_at": at, "changed_at": at, "closed_at": closed_at}
            message_record(alert=Alert.objects.create(code=f"{state}-{days}", state=state, **fields), change=Change.OPENED, now=at)
        for delivered in (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.WAITING):
            Delivery.objects.create(channel=channel, state=delivered, title=f"{delivered}-{days}", created_at=at, changed_at=at)
    jump = PeriodicWork.objects.create(name=NAME, lease_until=NOW + timedelta(hours=1), last_success=NOW, last_error=f"{800 * 86400}")
    run = alerts_delete_old.run.__wrapped__
    run(now=NOW)
    assert (Alert.objects.count(), Delivery.objects.count()) == (6, 6)
    jump.delete()
    run(now=NOW)
    assert not Alert.objects.filter(code="closed-401").exists()
    assert (Alert.objects.count(), Message.objects.count()) == (5, 5)
    assert set(Delivery.objects.values_list("title", flat=True)) == {"sent-399", "failed-399", "waiting-399", "waiting-401"}
