"""The pauses of a channel that fails."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.channels.pauses import channel_failed, channel_succeeded, pause
from alerts.errors import NotSent
from alerts.models import Channel
from jobs.pauses import PAUSES
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, tzinfo=UTC)
FAILED = NotSent("The address refuses connections.")


def test_pauses_grow_to_an_hour_and_end_with_the_first_success() -> None:
    channel, now, seen = factories.channel(at=NOW), NOW, []
    for _ in range(len(PAUSES) + 1):
        channel_failed(channel, FAILED, now)
        seen.append(pause(channel, now))
        now += seen[-1]
        assert pause(channel, now) == timedelta(0)
    assert seen == [*PAUSES, PAUSES[-1]]
    stored = Channel.objects.get()
    assert (stored.failing_since, stored.failures, stored.last_error) == (NOW, len(seen), str(FAILED))
    channel_succeeded(channel, now)
    stored = Channel.objects.get()
    assert (stored.failing_since, stored.failures, stored.last_error, stored.last_sent_at) == (None, 0, "", now)
    channel_failed(channel, FAILED, now)
    assert Channel.objects.get().next_attempt_at == now + PAUSES[0]


def test_two_workers_count_one_failure_of_the_same_moment_once() -> None:
    factories.channel(at=NOW)
    first, second = Channel.objects.get(), Channel.objects.get()
    channel_failed(first, FAILED, NOW)
    channel_failed(second, FAILED, NOW)
    assert Channel.objects.get().failures == 1


def test_a_clock_that_was_ahead_neither_delays_an_attempt_nor_hides_a_failure() -> None:
    channel = factories.channel(at=NOW)
    channel_failed(channel, FAILED, NOW + timedelta(days=1))
    assert pause(channel, NOW) == timedelta(0)
    channel_failed(channel, FAILED, NOW)
    assert Channel.objects.get().failing_since == NOW
