"""The page of an alert: its facts, and each message with the channels that got it."""

import pytest
from django.utils import timezone

from tests import factories
from tests.alerts.believable import believable_alerts
from tests.alerts.board.test_list import asked

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
    assert "The new disk arrives tomorrow." in known
    closed = asked(client, f"/alerts/{ids['closed']}/")
    assert "because its cause is gone" in closed
