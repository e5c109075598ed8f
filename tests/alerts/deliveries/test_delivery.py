"""What is queued is delivered once, in digests, to a real webhook receiver."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.alerts.transition import alert_transition, message_record
from alerts.channels.services import channel_create
from alerts.deliveries.attention import needs
from alerts.deliveries.queue import messages_route
from alerts.deliveries.services import SPACING, channel_deliver, delivery_test, queues_follow
from alerts.models import Alert, Channel, Delivery, QueuedMessage, Route
from alerts.states import AlertState, Change, DeliveryState
from attention.needs import Look
from audit.actors import SYSTEM
from certs.models import TrustZone
from jobs.models import Job
from jobs.registry import Retry
from tests.receivers import LOOPBACK, HttpReceiver, http_receiver, status

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LATER = timedelta(seconds=70)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def zone(settings: Any) -> TrustZone:
    settings.QMC_OUTBOUND_NETWORKS = LOOPBACK
    return TrustZone.objects.create(name="central.example", created_at=NOW, founded_at=NOW)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as found:
        yield found


def channel(receiver: HttpReceiver, name: str = "monitoring") -> Channel:
    return channel_create(actor=SYSTEM, name=name, kind="webhook", values={"url": receiver.url}, now=NOW)


def opened(number: int = 1, *, code: str = "node-silent", severity: str = "critical", at: datetime = NOW) -> Alert:
    made = Alert.objects.create(
        code=code, subject=f"rim{number}", severity=severity, title=f"rim{number} has not called", remedy="Start its agent.", opened_at=at, changed_at=at
    )  # fmt: skip
    message_record(alert=made, change=Change.OPENED, now=at)
    return made


def delivered(found: Channel, at: datetime) -> str:
    """One step of the channel's job; why it is tried again."""
    messages_route(now=at)
    found.refresh_from_db()
    try:
        channel_deliver(found, now=at + timedelta(seconds=15))
    except Retry as exc:
        return str(exc)
    return ""


def events(receiver: HttpReceiver) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in receiver.received]


def test_an_alert_is_delivered_once_in_each_state(receiver: HttpReceiver) -> None:
    found, alert = channel(receiver), opened()
    for second in range(3):
        delivered(found, NOW + LATER * second)
    alert_transition(alert=alert, to=AlertState.CLOSED, change=Change.CLOSED, now=NOW + LATER * 4, closed_at=NOW + LATER * 4)
    for second in range(4, 7):
        delivered(found, NOW + LATER * second)
    assert [(event["type"], event["subject"]) for event in events(receiver)] == [
        ("trust-zone.alert.opened", "rim1"), ("trust-zone.alert.closed", "rim1"),
    ]  # fmt: skip
    assert [event["id"] for event in events(receiver)] == [str(delivery.pk) for delivery in Delivery.objects.order_by("created_at")]
    assert Job.objects.count() == 0


def test_five_hundred_at_once_are_one_digest(receiver: HttpReceiver) -> None:
    found = channel(receiver)
    for number in range(500):
        opened(number)
    delivered(found, NOW)
    (event,) = events(receiver)
    assert (event["type"], event["data"]["count"], len(event["data"]["alerts"])) == ("trust-zone.alert.digest", 500, 500)
    assert event["data"]["title"] == "500 alerts: 500 critical"
    assert event["data"]["text"].splitlines()[-1] == "- and 495 more of the kind node-silent (opened)"
    assert Delivery.objects.get().messages.count() == 500


def test_what_comes_within_a_minute_is_the_next_digest(receiver: HttpReceiver) -> None:
    found = channel(receiver)
    opened(1)
    delivered(found, NOW)
    for number in range(2, 5):
        opened(number, at=NOW + timedelta(seconds=20))
    assert "same minute" in delivered(found, NOW + timedelta(seconds=30))
    delivered(found, NOW + SPACING + timedelta(seconds=10))
    assert [event["type"] for event in events(receiver)] == ["trust-zone.alert.opened", "trust-zone.alert.digest"]


def test_a_receiver_that_fails_gets_the_newest_state_when_it_is_back() -> None:
    """Opened and closed while the channel failed: one message, and growing pauses."""
    with http_receiver(status(500)) as broken:
        found, alert = channel(broken), opened()
        pauses, at = [], NOW
        for _ in range(4):
            delivered(found, at)
            found.refresh_from_db()
            assert found.next_attempt_at
            pauses.append((found.next_attempt_at - at).total_seconds() - 15)
            at = found.next_attempt_at
        assert pauses == [10, 30, 60, 120]
        assert {delivery.state for delivery in Delivery.objects.all()} == {DeliveryState.FAILED}
        (need,) = needs(Look(at))
        assert (need.code, need.subject, "500" in need.text) == ("channel-failing", "monitoring", True)
        alert_transition(alert=alert, to=AlertState.CLOSED, change=Change.CLOSED, now=at, closed_at=at)
        broken.respond = status(204)
        delivered(found, at)
        assert events(broken)[-1]["type"] == "trust-zone.alert.closed"
    found.refresh_from_db()
    assert (found.failures, found.failing_since) == (0, None)
    assert QueuedMessage.objects.filter(superseded=True).count() == 1


def test_a_failing_channel_is_reported_by_the_others_only(receiver: HttpReceiver) -> None:
    own, other = channel(receiver, "own"), channel(receiver, "other")
    made = opened(code="channel-failing", severity="warning")
    Alert.objects.filter(pk=made.pk).update(subject="own")
    messages_route(now=NOW)
    assert [queued.channel for queued in QueuedMessage.objects.all()] == [other]
    assert own.queued.count() == 0


def test_a_lost_worker_causes_one_repeat_with_the_same_id(receiver: HttpReceiver) -> None:
    """The state of the database after a worker was killed between sending and recording."""
    found = channel(receiver)
    opened()
    delivered(found, NOW)
    Delivery.objects.update(state=DeliveryState.SENDING)
    for number in range(1, 4):
        delivered(found, NOW + LATER * number)
    first, second = events(receiver)
    assert first["id"] == second["id"]
    assert (first.get("possiblerepeat"), second.get("possiblerepeat")) == (None, True)
    assert (Delivery.objects.get().state, Delivery.objects.get().attempts) == (DeliveryState.SENT, 2)


def test_a_test_message_is_sent_at_once_and_says_why_it_failed(receiver: HttpReceiver) -> None:
    with http_receiver(status(404)) as wrong:
        found = channel(wrong)
        for _ in range(2):
            delivery = delivery_test(actor=SYSTEM, channel=found, now=NOW)
            channel_deliver(found, now=NOW)
            delivery.refresh_from_db()
            assert (delivery.state, "Check the URL" in delivery.error) == (DeliveryState.FAILED, True)
    found.refresh_from_db()
    assert found.failures == 0
    working = channel(receiver, "working")
    delivery = delivery_test(actor=SYSTEM, channel=working, now=NOW)
    channel_deliver(working, now=NOW)
    delivery.refresh_from_db()
    assert (delivery.state, events(receiver)[0]["type"]) == (DeliveryState.SENT, "trust-zone.test")


def test_a_disabled_channel_gets_nothing(receiver: HttpReceiver) -> None:
    found = channel(receiver)
    Channel.objects.update(enabled=False)
    opened()
    assert delivered(found, NOW) == ""
    assert (receiver.received, QueuedMessage.objects.count()) == ([], 0)


def test_hours_hold_a_message_back_until_they_begin(receiver: HttpReceiver) -> None:
    found = channel(receiver)
    Route.objects.create(channel=found, from_minute=13 * 60, until_minute=17 * 60, created_at=NOW)
    alert = opened()
    delivered(found, NOW)
    alert_transition(alert=alert, to=AlertState.CLOSED, change=Change.CLOSED, now=NOW + LATER, closed_at=NOW + LATER)
    delivered(found, NOW + LATER)
    assert receiver.received == []
    delivered(found, NOW + timedelta(hours=1))
    (event,) = events(receiver)
    assert event["type"] == "trust-zone.alert.closed"


def test_a_message_of_later_hours_is_superseded_by_a_newer_one(receiver: HttpReceiver) -> None:
    """A warning waits for the morning, and becomes critical at night."""
    found = channel(receiver)
    Route.objects.create(channel=found, from_minute=13 * 60, until_minute=17 * 60, created_at=NOW)
    Route.objects.create(channel=found, least_severity="critical", created_at=NOW)
    alert = opened(severity="warning")
    delivered(found, NOW)
    alert_transition(alert=alert, to=AlertState.OPEN, change=Change.ESCALATED, now=NOW + LATER, severity="critical")
    delivered(found, NOW + LATER)
    delivered(found, NOW + timedelta(hours=1))
    assert [event["type"] for event in events(receiver)] == ["trust-zone.alert.escalated"]


def test_the_newest_message_has_the_highest_number_whatever_the_clock_says(receiver: HttpReceiver) -> None:
    found, alert = channel(receiver), opened()
    alert_transition(alert=alert, to=AlertState.CLOSED, change=Change.CLOSED, now=NOW - LATER, closed_at=NOW - LATER)
    delivered(found, NOW)
    assert [event["type"] for event in events(receiver)] == ["trust-zone.alert.closed"]


def test_a_message_of_a_clock_that_was_ahead_is_due(receiver: HttpReceiver) -> None:
    """It was queued by a clock that was a year ahead, and the clock was set right before it was sent."""
    found, ahead = channel(receiver), NOW + timedelta(days=365)
    opened(at=ahead)
    messages_route(now=ahead)
    queues_follow(now=NOW)
    assert Job.objects.unfinished().filter(subject=found.pk).exists()
    delivered(found, NOW)
    assert [event["type"] for event in events(receiver)] == ["trust-zone.alert.opened"]
