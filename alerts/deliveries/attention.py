"""The needs of channels."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, F, QuerySet
from django.urls import reverse

from alerts.models import Channel
from attention.needs import Look, Need, Severity, affected_register, codes_register, needs_register
from attention.together import Keys
from nodes.models import Node
from pki.core import clocks

codes_register({"channel-failing": "a channel accepts no messages", "nobody-is-notified": "no channel is set up"})
FAILS_AFTER = timedelta(minutes=2)
SET_UP = timedelta(hours=1)  # a person who registers the first nodes can finish that first


def failing(now: datetime) -> "QuerySet[Channel]":
    return Channel.objects.filter(enabled=True, failing_since__lte=now - FAILS_AFTER)


@affected_register("channel-failing")
def _failing(now: datetime) -> Keys:
    return failing(now).values(key=F("pk"))


@affected_register("nobody-is-notified")
def not_notified(now: datetime) -> Keys:
    """Nodes that were registered a while ago on a site without a channel."""
    without = ~Exists(Channel.objects.filter(enabled=True))
    return Node.objects.present().filter(without, is_central=False, registered_at__lt=now - SET_UP).order_by().values(key=F("pk"))


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Channels that do not take messages, and a site without a channel."""
    now = look.now
    for channel in failing(now).defer("secrets") if look.has("channel-failing") else ():
        if channel.failing_since:
            title = f"The channel {channel} has accepted no message for {clocks.length(now - channel.failing_since)}"
            remedy = "Fix the cause, then send a test message from the page of the channel. What is queued is delivered then."
            url = reverse("alerts:channel", args=[channel.pk])
            yield Need(
                "channel-failing",
                Severity.WARNING,
                channel.name,
                title,
                channel.last_error,
                remedy,
                url,
                "Show alerts",
                channel.failing_since,
            )
    if look.has("nobody-is-notified"):
        text = "Alerts are shown in this console only, so nobody learns of them at night."
        remedy = "Add a channel: mail, a webhook, or a chat or on-call service."
        yield Need(
            "nobody-is-notified",
            Severity.INFO,
            "alerts",
            "Nobody is notified of alerts",
            text,
            remedy,
            reverse("alerts:list"),
            "Show alerts",
        )
