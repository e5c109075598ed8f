"""Deliver what is queued for a channel: one alert or a digest at a time, recorded before it is sent."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from alerts.channels.kinds import Outgoing
from alerts.channels.pauses import channel_failed, channel_succeeded, pause
from alerts.channels.sending import send
from alerts.deliveries.content import console_address, outgoing, test_message
from alerts.deliveries.transition import delivery_transition
from alerts.errors import NotSent
from alerts.models import Alert, Channel, Delivery, Message, QueuedMessage
from alerts.states import UNDELIVERED, DeliveryState
from audit.actors import SYSTEM, Actor
from audit.record import record
from jobs.models import FARTHEST, Job
from jobs.registry import Retry, handles
from jobs.services import job_create, job_finish

DELIVER, TEST = "alerts.deliver", "Test message from "
# Alerts of one cause follow each other quickly, so the first one waits for the others.
GATHERS = timedelta(seconds=10)
# A channel gets at most one delivery in this time. What comes meanwhile is the next digest.
SPACING = timedelta(seconds=60)
MOST_IN_ONE = 2000


def delivery_test(*, actor: Actor, channel: Channel, now: datetime) -> Delivery:
    """Queue a test message, which is sent at once. Its state says whether it arrived. Raises: PermissionRefused."""
    actor.require("alerts.change_channel")
    with transaction.atomic():
        delivery = Delivery.objects.create(
            channel=channel, title=f"{TEST}{actor.label}"[:300], created_at=now, changed_at=now, is_test=True
        )
        record(actor=actor, action="channel.tested", target=channel, detail={}, now=now)
        deliver_soon(channel, actor=actor, now=now)
    return delivery


def deliver_soon(channel: Channel, *, actor: Actor = SYSTEM, now: datetime) -> None:
    job_create(task=DELIVER, subject=channel.pk, title=f"Deliver alerts to {channel}"[:200], actor=actor.label[:200], now=now)


def queues_follow(*, now: datetime) -> None:
    """Make jobs for channels that have something to deliver and no job, for example because their hours begin now."""
    due = QueuedMessage.objects.due(now).values("channel")
    lost = Delivery.objects.filter(state__in=UNDELIVERED).values("channel")
    busy = set(Job.objects.unfinished().filter(task=DELIVER).values_list("subject", flat=True))
    for channel in Channel.objects.filter(Q(pk__in=due) | Q(pk__in=lost)):
        if channel.pk not in busy:
            deliver_soon(channel, now=now)


@handles(DELIVER, kept=False)
def deliver(*, job: Job) -> None:
    """One delivery at most. Only one unfinished job of a channel exists, so nobody else sends to it."""
    now, channel = timezone.now(), Channel.objects.filter(pk=job.subject).first()
    if channel is not None:
        channel_deliver(channel, now=now)
    job_finish(job=job, outcome=Job.Outcome.DONE, now=now)


def channel_deliver(channel: Channel, *, now: datetime) -> None:
    """Send the test messages of a channel and one delivery. Raises: Retry if there is more to do later."""
    _tests_send(channel, now)
    if not channel.enabled:
        return
    if wait := pause(channel, now):
        raise Retry(f"The last attempt failed: {channel.last_error}", after=min(wait, FARTHEST))
    delivery = _interrupted(channel, now) or _gather(channel, now)
    if delivery is not None:
        messages = delivered_messages(delivery)
        _hand_over(
            channel,
            delivery,
            outgoing(messages, event_id=delivery.pk, console=console_address(), now=now, possible_repeat=delivery.possible_repeat),
            now,
        )
        raise Retry("Messages of the next minute are delivered together.", after=SPACING)


def _interrupted(channel: Channel, now: datetime) -> Delivery | None:
    """The delivery that may have arrived, to send it again with the same id. If it is still being sent, its worker is lost."""
    delivery = channel.deliveries.filter(state__in=[DeliveryState.SENDING, DeliveryState.UNKNOWN], is_test=False).first()
    if delivery is None:
        return None
    if delivery.state == DeliveryState.SENDING:
        error = "The worker stopped while it sent the message."
        delivery_transition(delivery=delivery, to=DeliveryState.UNKNOWN, now=now, error=error)
    if not delivery.messages.exists():  # its alerts were deleted because of their age
        delivery_transition(delivery=delivery, to=DeliveryState.FAILED, now=now)
        return None
    delivery_transition(delivery=delivery, to=DeliveryState.SENDING, now=now, attempts=delivery.attempts + 1, possible_repeat=True)
    return delivery


def _tests_send(channel: Channel, now: datetime) -> None:
    """Send test messages without a pause. One that a lost worker was sending has failed."""
    for delivery in channel.deliveries.filter(is_test=True, state__in=[DeliveryState.WAITING, DeliveryState.SENDING])[:2]:
        if delivery.state == DeliveryState.SENDING:
            error = "The worker stopped while it sent the message. Send another test message."
            delivery_transition(delivery=delivery, to=DeliveryState.FAILED, now=now, error=error)
            continue
        delivery_transition(delivery=delivery, to=DeliveryState.SENDING, now=now, attempts=1)
        actor = delivery.title.removeprefix(TEST)
        _hand_over(channel, delivery, test_message(delivery.pk, channel.name, actor, console_address(), now), now)


def _gather(channel: Channel, now: datetime) -> Delivery | None:
    """A delivery with everything that is due, or None. Only the newest message about each alert is delivered, and supersedes the
    older ones, also those of later hours. Raises: Retry.
    """
    queued = QueuedMessage.objects.filter(channel=channel)
    due = list(queued.due(now).select_related("message__alert").order_by("message__at", "message__number")[:MOST_IN_ONE])
    if not due:
        return None
    age = now - max(one.due_at for one in due)
    if timedelta(0) <= age < GATHERS:
        raise Retry("Messages of the same moment are delivered together.", after=GATHERS - age)
    last = channel.deliveries.filter(state=DeliveryState.SENT, is_test=False).aggregate(at=Max("changed_at"))["at"]
    if last and timedelta(0) <= now - last < SPACING:
        raise Retry("Messages of the same minute are delivered together.", after=SPACING - (now - last))
    newest = {one.message.alert_id: one for one in sorted(due, key=lambda one: one.message.number)}
    waiting = queued.waiting().filter(message__alert__in=newest).select_related("message")
    older = [one.pk for one in waiting if one.message.number < newest[one.message.alert_id].message.number]
    with transaction.atomic():
        content = outgoing(
            [(one.message, one.message.alert) for one in newest.values()], event_id=channel.pk, console=console_address(), now=now
        )
        delivery = Delivery.objects.create(channel=channel, title=content.title[:300], created_at=now, changed_at=now)
        queued.filter(pk__in=[one.pk for one in newest.values()]).update(delivery=delivery)
        queued.filter(pk__in=older).update(superseded=True)
        delivery_transition(delivery=delivery, to=DeliveryState.SENDING, now=now, attempts=1)
    return delivery


def delivered_messages(delivery: Delivery) -> list[tuple[Message, Alert]]:
    """What a delivery reports."""
    rows = delivery.messages.select_related("message__alert").order_by("message__at", "message__number")
    return [(one.message, one.message.alert) for one in rows]


def _hand_over(channel: Channel, delivery: Delivery, message: Outgoing, now: datetime) -> None:
    """Send a recorded message, and record what became of it. Raises: Retry."""
    try:
        send(channel, message)
    except NotSent as exc:
        _not_sent(channel, delivery, exc, now)
        return
    with transaction.atomic():
        delivery_transition(delivery=delivery, to=DeliveryState.SENT, now=now, error="")
        channel_succeeded(channel, now)


def _not_sent(channel: Channel, delivery: Delivery, exc: NotSent, now: datetime) -> None:
    """What surely has not arrived goes back to the queue, so that a later delivery has the newest messages."""
    unclear = exc.may_have_arrived and not delivery.is_test
    with transaction.atomic():
        delivery_transition(delivery=delivery, to=DeliveryState.UNKNOWN if unclear else DeliveryState.FAILED, now=now, error=str(exc)[:500])
        if delivery.is_test:
            return
        if not unclear:
            delivery.messages.update(delivery=None)
        channel_failed(channel, exc, now)
    raise Retry(f"The last attempt failed: {exc}"[:300], after=min(pause(channel, now), FARTHEST))
