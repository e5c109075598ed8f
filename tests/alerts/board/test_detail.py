"""The page of an alert: its facts, and each message with the channels that got it."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Alert
from tests import factories
from tests.alerts.believable import believable_alerts
from tests.alerts.board.test_list import asked
from tests.alerts.routes.test_pages import posted

pytestmark = pytest.mark.django_db


def test_the_history_says_what_was_sent_where() -> None:
    ids, client = believable_alerts(timezone.now()), factories.administrator()
    page = asked(client, f"/alerts/{ids['open']}/")
    assert "Alert · a renewal is late by a day or more" in page
    assert page.index("Became more severe") < page.index("Reminder: it is still open") < page.index("> Opened")
    assert page.count("Teams: sent") == 3
    assert "Webhook to monitoring: failed: a-long-host-name" in page
    assert "sent, possibly twice" in asked(client, f"/alerts/{ids['returned']}/")
    assert "not sent yet" in asked(client, f"/alerts/{ids['fresh']}/")
    known = asked(client, f"/alerts/{ids['acknowledged']}/")
    assert "Acknowledge again" in known
    assert "The new disk arrives tomorrow." in known
    closed = asked(client, f"/alerts/{ids['closed']}/")
    assert "because its cause is gone" in closed
    assert "Send no reminder for" not in closed


def acknowledge(client: Client, alert: Alert, **fields: str) -> tuple[int, str]:
    return posted(client, f"/alerts/{alert.pk}/", **{"until": "4h", "note": "", "day": "", "time_zone": "UTC"} | fields)


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({"until": "1h"}, timedelta(hours=1)),
        ({"until": "7d"}, timedelta(days=7)),
        ({"until": "morning", "time_zone": "Nowhere"}, None),
    ],
)
def test_an_alert_is_acknowledged_until_a_time(fields: dict[str, str], ends: timedelta | None) -> None:
    now = timezone.now()
    alert = factories.alert(at=now - timedelta(days=1))
    status, page = acknowledge(factories.administrator(), alert, note="The new disk arrives.", **fields)
    alert.refresh_from_db()
    assert (status, alert.state, alert.note, alert.acknowledged_by) == (200, "acknowledged", "The new disk arrives.", "ann")
    assert "Acknowledged." in page
    assert "You are notified again if it becomes more severe." in page
    until = alert.acknowledged_until
    assert until is not None
    expected = now + ends if ends else datetime.combine(now.date() + timedelta(days=1), time(9), UTC)
    assert abs(until - expected) < timedelta(minutes=1)


def test_a_chosen_day_begins_in_the_time_zone_of_the_browser() -> None:
    alert = factories.alert(at=timezone.now())
    day = (timezone.now() + timedelta(days=9)).date()
    acknowledge(factories.administrator(), alert, until="day", day=day.isoformat(), time_zone="Asia/Tokyo")
    alert.refresh_from_db()
    assert alert.acknowledged_until == datetime.combine(day, time(0), UTC)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"until": "day"}, "Enter the day, or choose a length of time above."),
        ({"until": "day", "day": "soon"}, "Enter a day, such as 2026-12-24."),
        ({"until": "day", "day": "2020-01-01"}, "Give a time between now and"),
        ({"until": "forever"}, "This is none of the choices."),
        ({"until": "", "note": "kept"}, "Choose how long."),
    ],
)
def test_an_acknowledgement_is_refused_with_the_reason(fields: dict[str, str], problem: str) -> None:
    alert = factories.alert(at=timezone.now())
    status, page = acknowledge(factories.administrator(), alert, **fields)
    assert status == 400
    assert problem in page
    assert f'value="{fields.get("note", "")}"' in page or "note" not in fields
    alert.refresh_from_db()
    assert alert.state == "open"


def test_an_alert_that_was_closed_meanwhile_is_not_acknowledged() -> None:
    now = timezone.now()
    alert = factories.alert(at=now, state="closed", closed_at=now, remedy="")
    status, page = acknowledge(factories.administrator(), alert)
    assert status == 400
    assert "because its cause is gone" in page
