"""The list of alerts: counts, filters, who was notified, and a fixed number of queries."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Alert
from tests import factories
from tests.alerts.believable import believable_alerts

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


def asked(client: Client, path: str = "/alerts/", **headers: Any) -> str:
    answer = client.get(path, secure=True, **headers)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_list_says_what_is_open_and_who_was_notified() -> None:
    now = timezone.now()
    believable_alerts(now)
    client = factories.administrator()
    page = asked(client)
    assert "<h1>3 alerts are open</h1>" in page
    assert page.index("rim12: its certificates") < page.index("rim7 has not called") < page.index("A machine calls from")
    assert "notified 3 times, last by Mail to operations and Teams" in page
    assert "came back 4 times" in page
    assert "notified once, by Mail to operations" in page
    assert "nobody was notified" in page
    assert "Run <code>qmc check --deploy</code> on the central node." in page
    assert "failing for 6 min" in page
    assert '<span class="side-count">3<span class="visually-hidden"> open</span></span>' in page
    assert "Acknowledged <strong>1</strong>" in page
    assert "Closed in 30 days <strong>1</strong>" in page


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("", "rim12", "The last verified backup"),
        ("state=acknowledged", "acknowledged by ann until", "rim12"),
        ("state=closed", "The export for reports.corp.example", "rim12"),
        ("search=RENEWAL-over", "rim12", "rim7"),
        ("severity=warning", "rim7", "rim12"),
        ("search=nowhere", "No alerts match.", "rim12"),
        ("state=nonsense&severity=nonsense&page=nonsense", "rim12", "The last verified backup"),
    ],
)
def test_one_state_is_shown_searched_and_filtered(query: str, shown: str, hidden: str) -> None:
    believable_alerts(timezone.now())
    page = asked(factories.administrator(), f"/alerts/?{query}")
    assert shown in page
    assert hidden not in page


def test_old_alerts_are_not_listed() -> None:
    now = timezone.now()
    factories.alert(at=now - 40 * DAY, state="closed", closed_at=now - 31 * DAY)
    page = asked(factories.administrator(), "/alerts/?state=closed")
    assert "Closed in 30 days <strong>0</strong>" in page
    assert "No alert was closed in the last 30 days." in page


def test_an_empty_list_says_what_to_do_next() -> None:
    page = asked(factories.administrator())
    assert "<h1>No alerts are open</h1>" in page
    assert "there is no channel yet" in page


def test_the_list_makes_a_fixed_number_of_queries() -> None:
    now, client, counts = timezone.now(), factories.administrator(), []
    mail, teams = (factories.channel(name, at=now) for name in ("Mail", "Teams"))
    asked(client)  # the row of the rules is made
    for numbers in (range(2), range(2, 60)):
        for number in numbers:
            alert = factories.alert(at=now, subject=f"rim{number}", returns=number)
            for change in ("opened", "reminded"):
                message = factories.message(alert, change, at=now)
                factories.delivery(mail, message, at=now)
                factories.delivery(teams, message, at=now)
        with CaptureQueriesContext(connection) as queries:
            page = asked(client)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert page.count("notified 2 times, last by Mail and Teams") == 50
    assert "60 alerts, 1–50 shown" in page
    assert Alert.objects.count() == 60
