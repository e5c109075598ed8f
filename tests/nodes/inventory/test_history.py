"""The history of a node and of an export: the page shows the newest events and says that there are more."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.actors import SYSTEM
from audit.record import record
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(("events", "older"), [(3, ""), (30, ""), (31, "Show older events<"), (100, "Show older events<")])
def test_older_events_are_a_page_away(client: Client, events: int, older: str) -> None:
    client.force_login(User.objects.create_superuser("ann"))
    node = factories.node(at=NOW, state="created")
    for number in range(events):
        record(actor=SYSTEM, action="registration.wrong_passwords", target=node, detail={"count": number}, now=NOW)
    page = client.get(f"/nodes/{node.pk}/", secure=True).content.decode()
    assert ("older event" in page) is bool(older)
    assert older in page
    first = client.get(f"/nodes/{node.pk}/history/", secure=True).content.decode()
    assert ("The newest events first" in first, f"{events - 1} wrong password" in first) == (True, True)
    if events > 60:
        assert 'href="?before=41"' in first
        rest = client.get(f"/nodes/{node.pk}/history/?before=41", secure=True).content.decode()
        assert ("40 wrong passwords" in rest, "39 wrong passwords" in rest, "?before=" in rest, "Newest" in rest) == (
            False,
            True,
            False,
            True,
        )
    for nonsense in ("-1", "x", "9" * 18, "9" * 50, "²", "%00"):
        assert client.get(f"/nodes/{node.pk}/history/?before={nonsense}", secure=True).status_code == 200


LISTS = {
    "/nodes/": "No nodes yet", "/connections/": "No connections yet", "/exports/": "No exports in use", "/certificates/": "No certificates in force",
}  # fmt: skip


@pytest.mark.parametrize(("path", "empty"), LISTS.items(), ids=LISTS.keys())
def test_an_empty_list_differs_from_a_search_without_matches(client: Client, path: str, empty: str) -> None:
    client.force_login(User.objects.create_superuser("ann"))
    assert empty in client.get(path, secure=True).content.decode()
    filtered = client.get(f"{path}?search=zzz", secure=True).content.decode()
    assert (empty in filtered, "match. <a" in filtered, "Clear the filters" in filtered) == (False, True, True)
