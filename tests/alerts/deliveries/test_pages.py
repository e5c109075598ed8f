"""The history of deliveries, and the preview: who would get an alert, when, and what."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Delivery, Route
from tests import factories
from tests.alerts.believable import believable_alerts
from tests.alerts.board.test_list import asked

pytestmark = pytest.mark.django_db
PREVIEW = "/alerts/preview/"


def test_the_history_of_a_channel_is_paged_and_counts_fixed_queries() -> None:
    now, client, counts = timezone.now(), factories.administrator(), []
    mail = factories.channel("Mail", at=now)
    for numbers in (range(2), range(2, 60)):
        for number in numbers:
            factories.delivery(
                mail, at=now - timedelta(minutes=number), title=f"Delivery {number}", possible_repeat=not number, error="It is late."
            )
        with CaptureQueriesContext(connection) as queries:
            page = asked(client, f"/alerts/channels/{mail.pk}/deliveries/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert "60 deliveries, 1–50 shown" in page
    assert page.count("possible repeat") == 1
    assert "It is late." in page


def test_a_delivery_names_the_alerts_that_it_reports() -> None:
    ids = believable_alerts(timezone.now())
    delivery = Delivery.objects.filter(channel=ids["mail"], state="sent", messages__message__alert=ids["open"]).first()
    assert delivery is not None
    page = asked(factories.administrator(), f"/alerts/deliveries/{delivery.pk}/")
    assert "Mail to operations has accepted the message." in page
    assert f'href="/alerts/{ids["open"]}/"' in page


def test_the_preview_says_who_gets_what_and_when() -> None:
    at, client = datetime(2026, 11, 24, 12, tzinfo=UTC), factories.administrator()  # a Tuesday
    mail, night = factories.channel("Mail", at=at), factories.channel("Night", at=at)
    factories.channel("Old", at=at, enabled=False)
    Route.objects.create(channel=night, created_at=at, from_minute=22 * 60, until_minute=6 * 60)
    query = "?code=node-silent&severity=warning&at=2026-11-24T12:00&time_zone=UTC"
    page = asked(client, PREVIEW + query)
    assert "These 2 channels would get it" in page
    assert f'{mail.pk}/">Mail</a>: at once' in page
    assert "Night</a>: waits until" in page
    assert "24 Nov 2026, 22:00 UTC" in page
    assert "Old</a>: it is off" in page
    assert "Warning: Example: a node has missed three calls" in page
    assert "No such alert was ever open" in page
    factories.alert(at=at)
    page = asked(client, PREVIEW + query.replace("warning", "info"))
    assert "Nobody would be notified" in page
    assert "Mail</a>: it has no route, so it gets warnings and critical alerts only" in page
    assert "Night</a>: none of its routes takes this alert" in page
    assert "Critical: rim7 has not called for 14 min" in asked(client, PREVIEW + query.replace("warning", "critical"))


def test_the_preview_takes_the_time_zone_of_the_browser() -> None:
    night = factories.channel("Night", at=timezone.now())
    Route.objects.create(channel=night, created_at=timezone.now(), from_minute=22 * 60, until_minute=6 * 60)
    page = asked(factories.administrator(), PREVIEW + "?code=node-silent&severity=critical&at=2026-11-24T08:00&time_zone=Asia/Tokyo")
    assert "Night</a>: at once" in page


@pytest.mark.parametrize(
    ("query", "problem"),
    [("?code=gone&severity=critical", "There is no such code."), ("?code=node-silent&severity=bad", "This is not a severity."),
     ("?code=node-silent&severity=critical&at=soon", "Enter a day and a time")],
)  # fmt: skip
def test_the_preview_names_what_is_wrong(query: str, problem: str) -> None:
    assert problem in asked(factories.administrator(), PREVIEW + query)
