"""Pages of routes: sentences, and a form that keeps what was typed."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Channel, Route
from tests import factories
from tests.alerts.board.test_list import asked

pytestmark = pytest.mark.django_db


def route(**fields: Any) -> Route:
    return Route(channel=Channel(name="Teams"), **fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Warnings and critical alerts go to Teams at any hour."),
        ({"least_severity": "critical"}, "Critical alerts go to Teams at any hour."),
        ({"least_severity": "info", "codes": ["backup-*"]}, "All alerts about backup-* go to Teams at any hour."),
        ({"codes": ["a", "b", "c"]}, "Warnings and critical alerts about a, b and c go to Teams at any hour."),
        ({"codes": ["a", "b", "c", "d"]}, "Warnings and critical alerts about a, b and 2 more go to Teams at any hour."),
        ({"days": [0, 1, 2, 3, 4]}, "Warnings and critical alerts go to Teams from Monday to Friday (UTC)."),
        ({"days": [5, 6]}, "Warnings and critical alerts go to Teams on Saturday and Sunday (UTC)."),
        (
            {"days": [0, 2, 4], "from_minute": 480, "until_minute": 1080, "time_zone": "Europe/Berlin"},
            "Warnings and critical alerts go to Teams on Monday, Wednesday and Friday, between 08:00 and 18:00 (Europe/Berlin).",
        ),
        (
            {"from_minute": 1320, "until_minute": 375},
            "Warnings and critical alerts go to Teams between 22:00 and 06:15 of the next day (UTC).",
        ),
        ({"from_minute": 1320, "until_minute": 0}, "Warnings and critical alerts go to Teams between 22:00 and 24:00 (UTC)."),
    ],
)
def test_a_route_is_a_sentence(fields: dict[str, Any], words: str) -> None:
    assert route(**fields).sentence == words


def posted(client: Client, path: str, **fields: Any) -> tuple[int, str]:
    answer = client.post(path, fields, secure=True, follow=True)
    return answer.status_code, " ".join(answer.content.decode().split())


def test_a_route_is_created_changed_and_deleted() -> None:
    now, client = timezone.now(), factories.administrator()
    mail = factories.channel("Mail", at=now)
    assert "Warnings and critical alerts go to Mail at any hour." in asked(client, "/alerts/routes/")
    fields = {"channel": mail.pk, "least_severity": "critical", "days": ["5", "6"], "from_minute": "22:00", "until_minute": "06:00"}
    status, page = posted(client, "/alerts/routes/new/", **fields)
    assert status == 200
    assert "Saved." in page
    assert "Critical alerts go to Mail on Saturday and Sunday, between 22:00 and 06:00 of the next day (UTC)." in page
    made = Route.objects.get()
    assert (made.from_minute, made.until_minute, made.days) == (1320, 360, [5, 6])
    assert 'value="22:00"' in page
    status, page = posted(client, f"/alerts/routes/{made.pk}/", **fields, codes=["node-silent"], time_zone="Europe/Berlin")
    assert "about node-silent go to Mail" in page
    assert "Without a route: Warnings and critical alerts go to Mail at any hour." in asked(client, f"/alerts/routes/{made.pk}/remove/")
    posted(client, f"/alerts/routes/{made.pk}/remove/")
    assert not Route.objects.exists()


def test_what_was_typed_is_kept_when_a_route_is_refused() -> None:
    mail = factories.channel("Mail", at=timezone.now())
    fields = {"channel": mail.pk, "least_severity": "info", "days": ["1"], "from_minute": "08:00", "time_zone": "Mars/Olympus"}
    status, page = posted(factories.administrator(), "/alerts/routes/new/", **fields)
    assert status == 400
    assert "Give the beginning and the end of the hours" in page
    assert "There is no time zone “Mars/Olympus”" in page
    assert 'value="Mars/Olympus"' in page
    assert 'value="08:00"' in page
    assert not Route.objects.exists()


def test_a_beginning_of_codes_survives_the_form() -> None:
    now, client = timezone.now(), factories.administrator()
    held = Route.objects.create(channel=factories.channel("Mail", at=now), codes=["backup-*"], created_at=now)
    page = asked(client, f"/alerts/routes/{held.pk}/")
    assert "backup-*: everything that begins with backup-" in page
    assert posted(client, f"/alerts/routes/{held.pk}/", channel=held.channel_id, least_severity="info", codes=["backup-*"])[0] == 200
    held.refresh_from_db()
    assert (held.codes, held.least_severity) == (["backup-*"], "info")
