"""Clocks on the overview, and the clock of beat."""

import time
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from celery.schedules import schedule
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from attention.needs import Look, needs
from jobs import clock
from jobs.models import PeriodicWork
from nodes.models import Observation
from qmc import monotonic_schedule
from qmc.monotonic_schedule import MonotonicClock
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("offset", "title", "text"),
    [(0, None, ""), (-59, None, ""),
     (600, "rim1: clock is 10 min ahead", "rim1's clock says 24 Nov 2026, 12:10 UTC, 10 min ahead of the central node's, which says 24 Nov 2026, 12:00 UTC"),
     (-172800, "rim1: clock is 2 days behind", "rim1's clock says 22 Nov 2026, 12:00 UTC, 2 days behind the central node's, which says 24 Nov 2026, 12:00 UTC")],
)  # fmt: skip
def test_a_wrong_clock_of_a_node_is_reported_with_both_clocks(offset: float, title: str | None, text: str) -> None:
    node = factories.node(at=NOW)
    Observation.objects.create(node=node, last_seen_at=NOW, clock_offset_s=offset)
    found = [need for need in needs(Look(NOW)) if "clock" in need.title]
    assert [need.title for need in found] == ([title] if title else [])
    assert all(text in need.text for need in found)


def test_a_jump_of_the_clock_is_reported_until_it_is_confirmed(client: Client) -> None:
    now = timezone.now()
    PeriodicWork.objects.create(name=clock.NAME, lease_until=now + clock.SHOWN, last_success=now, last_error="-172800")
    client.force_login(User.objects.create_superuser("ann"))
    title = "The central node&#x27;s clock jumped 2 days back"
    for path in ("/", "/clock/"):
        assert title in client.get(path, secure=True).content.decode()
    assert client.post("/clock/", secure=True).status_code == 302
    assert title not in client.get("/clock/", secure=True, follow=True).content.decode()


# how far the wall clock and the steady one went → what beat's clock goes
WENT = {"as ever": (61, 61, 61), "set back": (-172800, 61, 61), "set ahead": (172800, 61, 172800), "slewed": (50, 61, 61)}


@pytest.mark.parametrize(("wall", "steady", "expected"), WENT.values(), ids=WENT.keys())
def test_beat_continues_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch, wall: int, steady: int, expected: int) -> None:
    onward = MonotonicClock()
    turns, last = schedule(60, nowfun=onward), onward()
    assert turns.is_due(last)[0] is False
    went, moment = time.monotonic() + steady, datetime.now(UTC) + timedelta(seconds=wall)

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return moment

    monkeypatch.setattr(monotonic_schedule, "datetime", Shifted)
    monkeypatch.setattr(time, "monotonic", lambda: went)
    assert (onward() - last).total_seconds() == pytest.approx(expected, abs=1)
    assert turns.is_due(last)[0] is True
