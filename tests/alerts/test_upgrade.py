"""A site that had hundreds of open needs before it had alerts: its administrators get one digest."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from alerts.alerts.services import SETTLES, alerts_update
from alerts.channels.services import channel_create
from alerts.deliveries.queue import messages_route
from alerts.deliveries.services import channel_deliver
from alerts.models import Alert, Delivery
from audit.actors import SYSTEM
from certs.models import TrustZone
from jobs.models import PeriodicWork
from jobs.registry import Retry, periodic_tasks
from nodes.models import Node, Observation
from tests import factories
from tests.receivers import LOOPBACK, http_receiver

STEP = timedelta(seconds=15)


def test_two_hundred_open_needs_are_one_digest(site_directory: Path, settings: Any) -> None:
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK
    now = timezone.now()
    TrustZone.objects.update(founded_at=now - timedelta(days=300))
    Observation.objects.create(node=Node.objects.get(is_central=True), last_seen_at=now + timedelta(minutes=10))
    for number in range(200):
        node = factories.node(f"rim{number}", at=now - timedelta(days=9))
        Observation.objects.create(node=node, last_seen_at=now + timedelta(minutes=10))
        factories.certificate(
            "service", holder_id=node.pk, at=now - timedelta(days=9), status="revoked", revoked_at=now - timedelta(days=8)
        )
    with http_receiver() as receiver:
        channel = channel_create(actor=SYSTEM, name="monitoring", kind="webhook", values={"url": receiver.url}, now=now)
        for number in range(int(SETTLES / STEP) + 9):
            moment = now + STEP * number
            for task in periodic_tasks():
                PeriodicWork.objects.update_or_create(name=task.name, defaults={"lease_until": moment, "last_success": moment})
            alerts_update(now=moment)
            messages_route(now=moment)
            channel.refresh_from_db()
            try:
                channel_deliver(channel, now=moment)
            except Retry:
                continue
        (event,) = [json.loads(request.body) for request in receiver.received]
    without_certificates = Alert.objects.filter(code="node-certificate-revoked")
    assert (without_certificates.count(), Delivery.objects.count()) == (200, 1)
    assert event["data"]["count"] == Alert.objects.exclude(severity="info").count()
    assert "and 195 more of the kind node-certificate-revoked (opened)" in event["data"]["text"]
