"""The periodic work of alerts."""

from datetime import datetime, timedelta

from alerts.alerts.services import alerts_update
from alerts.deliveries.queue import messages_route
from alerts.deliveries.services import queues_follow
from alerts.models import Alert, Delivery
from alerts.states import AlertState, DeliveryState
from certs.models import TrustZone
from jobs.clock import clock_jump
from jobs.periodic import periodic_task

ALERTS = "alerts"
KEPT = timedelta(days=400)


@periodic_task(
    name=ALERTS, label="Alerts", period=timedelta(seconds=15), lease=timedelta(seconds=30), patience=timedelta(seconds=90), frees_lease=True
)
def alerts_follow(*, now: datetime) -> None:
    """Compare attention with the alerts, and queue and deliver their messages."""
    if TrustZone.objects.current() is None:
        return
    alerts_update(now=now)
    messages_route(now=now)
    queues_follow(now=now)


@periodic_task(name="alerts-old", label="Deletion of old alerts", period=timedelta(hours=6), lease=timedelta(minutes=10))
def alerts_delete_old(*, now: datetime) -> None:
    """Delete alerts that were closed more than 400 days ago, and deliveries of that age. Nothing while the clock has just jumped."""
    if clock_jump(now=now):
        return
    Alert.objects.filter(state=AlertState.CLOSED, closed_at__lt=now - KEPT).delete()
    Delivery.objects.filter(state__in=[DeliveryState.SENT, DeliveryState.FAILED], created_at__lt=now - KEPT).delete()
