"""Queue each message for the channels of its routes, once."""

import uuid
from collections import defaultdict
from datetime import datetime

from django.db import transaction

from alerts.models import Channel, Message, QueuedMessage
from alerts.routes.matching import known_routes, routed
from alerts.states import Change
from attention.needs import Severity

MOST_AT_ONCE = 1000
# Changes for the channels that know of the alert.
FOR_THE_INFORMED = (Change.CLOSED, Change.ACKNOWLEDGED)


@transaction.atomic
def messages_route(*, now: datetime) -> set[uuid.UUID]:
    """Queue all messages that are not queued yet, those of each alert by number. Returns the ids of the channels that got any."""
    messages = list(
        Message.objects.select_for_update(of=("self",))
        .filter(routed_at=None)
        .select_related("alert")
        .order_by("number", "at")[:MOST_AT_ONCE]
    )
    if not messages:
        return set()
    channels = list(Channel.objects.filter(enabled=True))
    routes, informed = known_routes(channels), _informed(messages)
    queued = []
    for message in messages:
        plan = {
            target.channel.pk: target.due_at
            for target in routed(
                channels, routes, code=message.alert.code, subject=message.alert.subject, severity=Severity(message.severity), at=now
            )
        }
        if message.change in FOR_THE_INFORMED:
            plan = {pk: plan.get(pk, now) for pk in informed[message.alert_id]}
        informed[message.alert_id] |= plan.keys()
        queued += [QueuedMessage(message=message, channel_id=pk, due_at=at) for pk, at in plan.items()]
    QueuedMessage.objects.bulk_create(queued, ignore_conflicts=True, batch_size=500)
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(routed_at=now)
    return {one.channel_id for one in queued}


def _informed(messages: list[Message]) -> defaultdict[uuid.UUID, set[uuid.UUID]]:
    """For each alert the enabled channels that got a message about it, or will get one."""
    found: defaultdict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    ending = {message.alert_id for message in messages if message.change in FOR_THE_INFORMED}
    rows = (
        QueuedMessage.objects.filter(message__alert__in=ending, channel__enabled=True).order_by().values_list("message__alert", "channel")
    )
    for alert, channel in rows.distinct():
        found[alert].add(channel)
    return found
