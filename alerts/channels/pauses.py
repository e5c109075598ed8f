"""Growing pauses of a channel that accepts no messages. Alerts and state changes share them."""

from datetime import datetime, timedelta

from alerts.channels.models import Channel
from alerts.errors import NotSent

PAUSES = (
    timedelta(seconds=10),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
)


def pause(channel: Channel, now: datetime) -> timedelta:
    """How long nothing is sent to this channel; zero if it can be tried now.

    A pause that is longer than any was written by a clock that was ahead, so it delays nothing.
    """
    if channel.next_attempt_at is None or not now < channel.next_attempt_at <= now + PAUSES[-1]:
        return timedelta(0)
    return channel.next_attempt_at - now


def channel_failed(channel: Channel, exc: NotSent, now: datetime) -> None:
    """Record a failed attempt: the pause before the next one grows. If another worker has recorded an attempt since `channel` was read, nothing changes."""
    same = Channel.objects.filter(pk=channel.pk, failures=channel.failures)
    channel.failing_since = min(channel.failing_since or now, now)
    channel.next_attempt_at = now + PAUSES[min(channel.failures, len(PAUSES) - 1)]
    channel.failures += 1
    channel.last_error = str(exc)[:500]
    same.update(**{name: getattr(channel, name) for name in ("failing_since", "next_attempt_at", "failures", "last_error")})


def channel_succeeded(channel: Channel, now: datetime) -> None:
    """Record a message that the channel took: nothing waits any longer."""
    well = {"last_sent_at": now, "failing_since": None, "next_attempt_at": None, "failures": 0, "last_error": ""}
    Channel.objects.filter(pk=channel.pk).update(**well)
    for name, value in well.items():
        setattr(channel, name, value)
