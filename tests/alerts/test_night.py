"""A whole night of a site: what is wrong comes and goes, and the mails and webhooks of the night are read in the morning.

Time moves in steps, and every step does what the periodic work and the jobs of channels do. Mail server and webhook receiver are real.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from alerts.alerts.services import alert_acknowledge, alerts_update
from alerts.channels.services import channel_create
from alerts.deliveries.queue import messages_route
from alerts.deliveries.services import channel_deliver
from alerts.models import Alert, Channel, Rules
from alerts.rules.models import rules_current
from audit.actors import SYSTEM, Actor
from backups.backup import VERIFIED
from certs.models import Certificate, RevocationList, TrustZone
from jobs.models import PeriodicWork
from jobs.registry import Retry, periodic_tasks
from nodes.models import Node, Observation, Renewal
from sitekit.engines import free_port
from tests import factories
from tests.receivers import LOOPBACK, HttpReceiver, MailReceiver, http_receiver, mail_receiver, status
from tests.slow import takes_minutes

STEP, STRIDE, DAY, HOUR = timedelta(seconds=100), timedelta(minutes=10), timedelta(days=1), timedelta(hours=1)
FIRST_STEPS = 6
EVENING = datetime(2026, 11, 30, 18, tzinfo=UTC)
pytestmark = pytest.mark.django_db


class Night:
    """The site, its clock, and the two receivers. `mails` and `events` have a line for each message, with the time at which it arrived."""

    def __init__(self, webhook: HttpReceiver, port: int) -> None:
        self.now, self.webhook, self.port = EVENING, webhook, port
        self.mailbox, self.mail = MailReceiver(), contextlib.ExitStack()
        self.mails: list[str] = []
        self.events: list[str] = []
        self.calling: list[Node] = []
        self.webhook_refuses = ""
        self.mail_server_starts()

    def mail_server_starts(self) -> None:
        self.mail.enter_context(mail_receiver(self.mailbox, port=self.port))

    def mail_server_stops(self) -> None:
        self.mail.close()

    def until(self, clock: str) -> None:
        """Let time pass until `clock`, such as 02:30."""
        hour, minute = map(int, clock.split(":"))
        end = EVENING.replace(hour=hour, minute=minute)
        end += DAY if end < EVENING else timedelta(0)
        steps = itertools.chain([STEP] * FIRST_STEPS, itertools.repeat(STRIDE))  # most happens soon after a change
        while self.now < end:
            self.now = min(self.now + next(steps), end)
            Rules.objects.update(checked_at=self.now - STEP)
            self.webhook.respond = status(503 if self.webhook_refuses else 204)
            self._all_is_well_except_what_is_wrong()
            alerts_update(now=self.now)
            messages_route(now=self.now)
            for channel in Channel.objects.all():
                with contextlib.suppress(Retry):
                    channel_deliver(channel, now=self.now)
            self._read()

    def _all_is_well_except_what_is_wrong(self) -> None:
        factories.called(self.now, node__in=self.calling)
        for task in periodic_tasks():
            PeriodicWork.objects.update_or_create(name=task.name, defaults={"lease_until": self.now, "last_success": self.now})

    def _read(self) -> None:
        for envelope in self.mailbox.received[len(self.mails) :]:
            subject = " ".join(str(message_from_bytes(envelope.content or b"", policy=default)["Subject"]).split())
            self.mails.append(f"{self.now:%H:%M} {subject}")
        for request in self.webhook.received[len(self.events) :]:
            event = json.loads(request.body)
            self.events.append(
                f"{self.now:%H:%M} {self.webhook_refuses}{event['type'].removeprefix('trust-zone.')} {event.get('subject', '')}".strip()
            )


@pytest.fixture
def night(site_directory: Path, settings: Any) -> Iterator[Night]:
    """A site that is well: two nodes that call, a verified backup of six days and a half ago, a root with 91 days and no automatic rotation."""
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK
    Certificate.objects.update(not_before=EVENING - 100 * DAY, not_after=EVENING + 1500 * DAY)
    Certificate.objects.filter(kind="root").update(not_before=EVENING - 1700 * DAY, not_after=EVENING + 90 * DAY + HOUR)
    TrustZone.objects.update(rotates_by_itself=False, founded_at=EVENING - 1700 * DAY)
    root = Certificate.objects.get(kind="root")
    with http_receiver() as webhook:
        found = Night(webhook, free_port())
        for name in ("rim1", "rim2"):
            node = factories.node(name, at=EVENING - 100 * DAY, generation=1)
            Observation.objects.create(node=node, last_seen_at=EVENING, trusts=[root.sha256])
            for kind in ("service", "client"):
                dates = {"not_before": EVENING - 100 * DAY, "not_after": EVENING + 1500 * DAY}
                factories.certificate(kind, holder_id=node.pk, at=EVENING, holder=node.host_name, issuer=root, **dates)
        Observation.objects.create(node=Node.objects.get(is_central=True), last_seen_at=EVENING, trusts=[root.sha256])
        RevocationList.objects.update(this_update=EVENING - HOUR, next_update=EVENING + 30 * DAY)
        found.calling = list(Node.objects.all())
        PeriodicWork.objects.update_or_create(
            name=VERIFIED, defaults={"lease_until": EVENING, "last_success": EVENING - 6 * DAY - 16 * HOUR}
        )
        mail = {
            "recipients": "ops@site.example",
            "sender": "qmc@site.example",
            "host": "127.0.0.1",
            "port": str(found.port),
            "security": "none",
        }
        channel_create(actor=SYSTEM, name="Mail to ops", kind="mail", values=mail, now=EVENING)
        channel_create(actor=SYSTEM, name="Monitoring", kind="webhook", values={"url": webhook.url}, now=EVENING)
        rules_current()
        yield found
        found.mail_server_stops()


MAILS = """
18:03 Warning: CN=central.example-CA is past half its lifetime: 90 days left
19:10 More severe: CN=central.example-CA is past half its lifetime: 90 days left
19:33 Warning: rim1: renewal failed
19:38 Warning: The channel Monitoring has accepted no message for 3 min
20:10 Still open: CN=central.example-CA is past half its lifetime: 89 days left
21:20 Closed: The channel Monitoring has accepted no message for 1 h 16 min
22:32 Critical: rim2 has not called for 1 h 1 min
23:53 Acknowledged: rim1: renewal failed
00:10 2 alerts: 1 critical, 1 closed
02:20 Warning: The last verified backup is 7 days old
04:50 Closed: rim1: renewal failed
06:06 Closed: The last verified backup is 7 days old
"""
EVENTS = """
18:03 alert.opened central.example
19:10 alert.escalated central.example
19:33 refused: alert.opened rim1
19:35 refused: alert.opened rim1
19:36 refused: alert.opened rim1
19:38 refused: alert.opened rim1
19:50 refused: alert.opened rim1
20:10 refused: alert.digest
20:20 refused: alert.digest
20:50 alert.digest
22:32 alert.opened rim2
23:53 alert.acknowledged rim1
00:10 alert.digest
02:20 alert.opened backup
03:36 alert.closed rim1
03:50 alert.opened Mail to ops
05:20 alert.closed Mail to ops
06:06 alert.closed backup
"""


@takes_minutes
def test_the_messages_of_a_night(night: Night) -> None:
    rim1, rim2 = Node.objects.get(name="rim1"), Node.objects.get(name="rim2")
    night.until("19:30")  # the root passes its first threshold
    night.webhook_refuses = "refused: "
    renewal = Renewal.objects.create(
        node=rim1, generation=1, actor="system", created_at=night.now, status="failed", reason="The disk is full."
    )
    night.until("20:30")
    night.webhook_refuses = ""
    night.until("22:30")
    for _ in range(15):  # rim2's network comes and goes
        night.calling.remove(rim2)
        factories.called(night.now - HOUR, node=rim2)
        night.until(f"{night.now + STEP:%H:%M}")
        night.calling.append(rim2)
        night.until(f"{night.now + STEP:%H:%M}")
    night.until("23:50")
    alert = Alert.objects.get(code="node-renewal-failed")
    alert_acknowledge(actor=Actor("system", "ann"), alert=alert, note="I free space tomorrow.", until=night.now + 10 * HOUR, now=night.now)
    night.until("02:40")  # the last verified backup is seven days old since 02:00
    night.mail_server_stops()
    night.until("03:30")
    Renewal.objects.filter(pk=renewal.pk).update(status="proved", reason="")
    night.until("04:20")
    night.mail_server_starts()
    night.until("06:00")
    PeriodicWork.objects.filter(name=VERIFIED).update(last_success=night.now)
    night.until("08:00")
    assert night.mails == MAILS.strip().splitlines()
    assert night.events == EVENTS.strip().splitlines()
