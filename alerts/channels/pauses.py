"""The pauses of a channel that accepts no messages. Alerts, state changes and checkpoints share them."""

from datetime import datetime, timedelta

from alerts.channels.models import Channel
from alerts.errors import NotSent
from jobs.pauses import pause_after, pause_left


def pause(channel: Channel, now: datetime) -> timedelta:
    """How long nothing is sent to this channel; zero if it can be tried now."""
    return pause_left(channel.next_attempt_at, now=now)


def channel_failed(channel: Channel, exc: NotSent, now: datetime) -> None:
    """Record a failed attempt: the pause before the next one grows. If another worker has recorded an attempt since `channel` was read, nothing changes."""
    same = Channel.objects.filter(pk=channel.pk, failures=channel.failures)
    channel.failing_since = min(channel.failing_since or now, now)
    channel.next_attempt_at = now + pause_after(channel.failures)
    channel.failures += 1
    channel.last_error = str(exc)[:500]
    same.update(**{name: getattr(channel, name) for name in ("failing_since", "next_attempt_at", "failures", "last_error")})


def channel_succeeded(channel: Channel, now: datetime) -> None:
    """Record a message that the channel took: nothing waits any longer."""
    well = {"last_sent_at": now, "failing_since": None, "next_attempt_at": None, "failures": 0, "last_error": ""}
    Channel.objects.filter(pk=channel.pk).update(**well)
    for name, value in well.items():
        setattr(channel, name, value)
