"""The needs of channels."""

from collections.abc import Iterator
from datetime import timedelta

from django.urls import reverse

from alerts.models import Channel
from attention.needs import Look, Need, Severity, codes_register, needs_register
from nodes.models import Node
from pki.core import clocks

codes_register({"channel-failing": "a channel accepts no messages", "nobody-is-notified": "no channel is set up"})
FAILS_AFTER = timedelta(minutes=2)
SET_UP = timedelta(hours=1)  # a person who registers the first nodes can finish that first


@needs_register
def needs(look: Look) -> Iterator[Need]:
    """Channels that do not take messages, and a site without a channel."""
    now = look.now
    channels = list(Channel.objects.filter(enabled=True).defer("secrets"))
    for channel in channels:
        if channel.failing_since and now - channel.failing_since >= FAILS_AFTER:
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
    if not channels and Node.objects.present().filter(is_central=False, registered_at__lt=now - SET_UP).exists():
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
