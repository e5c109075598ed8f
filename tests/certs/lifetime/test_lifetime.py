"""The lifetime setting: the lifetime of new certificates, the limit by the root, and the next renewals."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from certs.lifetime.services import new_ends
from certs.models import Certificate, TrustZone
from pki.core import lifetime
from tests import factories
from tests.problems import error_fields

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
API, PAGE = "/api/v1/settings/lifetime/", "/settings/lifetime/"


@pytest.mark.parametrize(
    ("months", "root_ends", "cut"),
    [(12, 60, False), (60, 60, False), (60, 59, True), (13, 12, True), (12, 13, False), (24, None, False)],
)
def test_expiry_dates_of_new_certificates(months: int, root_ends: int | None, cut: bool) -> None:
    root_not_after = lifetime.add_months(NOW, root_ends) - SECOND if root_ends else None
    uncut = lifetime.add_months(NOW, months) - SECOND
    ends = new_ends(months=months, root_not_after=root_not_after, now=NOW)
    assert [end.kind for end in ends] == ["root", "service", "client", "cluster"]
    assert {end.uncut for end in ends} == {uncut}
    assert [(end.not_after, end.cut) for end in ends] == [(uncut, False)] + 3 * [(root_not_after if cut else uncut, cut)]


@pytest.mark.parametrize(
    ("asked", "months"),
    [("99", (99, 60)), ("3", (3, 12)), ("-5", (-5, 12)), ("24", (24, 24))],
)
def test_the_preview_shows_the_effects_and_sets_nothing(client: Client, zone: TrustZone, asked: str, months: tuple[int, int]) -> None:
    answer = client.get(API, {"months": asked}).json()
    assert (answer["requested"], answer["months"], answer["minimum"], answer["maximum"]) == (*months, 12, 60)
    assert [row["cut"] for row in answer["preview"]["certificates"]] == [False] + 3 * [months[1] > 48]
    assert client.get(API).json() == {"requested": 60, "months": 60, "minimum": 12, "maximum": 60}


def test_the_preview_names_the_first_nodes_and_counts_them_all(client: Client, zone: TrustZone) -> None:
    preview = client.get(API, {"months": "24"}).json()["preview"]
    assert preview["renewals"] == 7
    assert [row["name"] for row in preview["first"]] == [f"rim{number}.example" for number in range(5)]
    assert sorted(row["due_at"] for row in preview["first"]) == [row["due_at"] for row in preview["first"]]


@pytest.mark.parametrize("months", ["x", "1.5", "true", "1" * 5000, "\0"], ids=lambda text: repr(text)[:10])
def test_invalid_input_is_refused_with_its_field(client: Client, zone: TrustZone, months: str) -> None:
    refused = client.get(API, {"months": months})
    assert (refused.status_code, error_fields(refused.json())) == (400, ["months"])
    page = client.get(PAGE, {"months": months})
    assert page.status_code == 200
    assert "Give a whole number of months." in page.content.decode()


def test_the_page_previews_before_it_saves(client: Client, zone: TrustZone) -> None:
    for page in (client.get(PAGE, {"months": "99"}), client.post(PAGE, {"months": "99", "preview": "yes"})):
        content = page.content.decode()
        assert "99 would become 60" in content
        assert "Existing certificates do not change." in content
        assert "7 nodes get the new lifetime automatically" in content
    client.post(PAGE, {"months": "24", "preview": "yes"})
    assert TrustZone.objects.get().lifetime_months == 60
    assert "Saved: 24 months." in client.post(PAGE, {"months": "24"}).content.decode()
    assert TrustZone.objects.get().lifetime_months == 24


@pytest.fixture
def client(db: None) -> Client:
    """An administrator's."""
    return factories.administrator("admin")


@pytest.fixture
def zone(db: None) -> TrustZone:
    """A zone whose root has 48 months left, and seven nodes, each to be renewed a day after the other."""
    now = timezone.now()
    zone = TrustZone.objects.create(name="central", created_at=now, founded_at=now)
    root = certificate("root", zone.pk, "central", now, lifetime.add_months(now, 48))
    for number in range(7):
        certificate("service", uuid.uuid4(), f"rim{number}.example", now, now + (300 + number) * DAY, issuer=root)
    return zone


def certificate(kind: str, holder_id: uuid.UUID, holder: str, start: datetime, end: datetime, **more: Any) -> Certificate:
    return factories.certificate(
        kind,
        holder_id=holder_id,
        at=start,
        subject=f"CN={holder}",
        serial=f"{uuid.uuid4().hex[:28]}0000",
        not_after=end,
        holder=holder,
        generation=1,
        **more,
    )
