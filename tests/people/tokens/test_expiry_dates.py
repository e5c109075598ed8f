"""Tokens of earlier versions never expire. A need names them until they have an expiry date."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from attention.needs import attention
from audit.models import Event
from people.models import ApiToken
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def endless() -> ApiToken:
    factories.token(factories.root_admin("ann"), "nightly", at=timezone.now())
    ApiToken.objects.update(expires_at=None)
    return ApiToken.objects.get()


@pytest.fixture
def client(endless: ApiToken) -> Client:
    client = Client()
    client.force_login(endless.user)
    return client


def named() -> list[str]:
    return [ranked.need.subject for ranked in attention(timezone.now()) if ranked.need.code == "token-endless"]


def test_a_need_names_a_token_until_its_page_gives_it_an_expiry_date(endless: ApiToken, client: Client) -> None:
    assert named() == ["nightly"]
    page = client.get(f"/tokens/{endless.pk}/", secure=True).content.decode()
    assert "This token never expires." in page
    assert client.post(f"/tokens/{endless.pk}/", {"days": "0"}, secure=True).status_code == 400
    assert client.post(f"/tokens/{endless.pk}/", {"days": "30"}, secure=True).status_code == 302
    endless.refresh_from_db()
    assert endless.expires_at is not None
    assert timedelta(days=29) < endless.expires_at - timezone.now() <= timedelta(days=30)
    assert named() == []
    assert Event.objects.get(action="token.expiry-set").detail["before"] is None


def test_the_api_sets_it_and_a_token_never_gets_longer(endless: ApiToken, client: Client) -> None:
    soon, later = timezone.now() + timedelta(days=10), timezone.now() + timedelta(days=20)
    path = f"/api/v1/tokens/{endless.pk}/"
    answer = client.patch(path, {"expires_at": later}, content_type="application/json", secure=True)
    assert (answer.status_code, answer.json()["state"]) == (200, "usable")
    assert client.patch(path, {"expires_at": soon}, content_type="application/json", secure=True).status_code == 200
    refused = client.patch(path, {"expires_at": later}, content_type="application/json", secure=True)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "expires_at")
    endless.refresh_from_db()
    assert endless.expires_at is not None
    assert abs(endless.expires_at - soon) < timedelta(seconds=1)  # JSON has milliseconds


@pytest.mark.parametrize(
    ("query", "found"),
    [("search=night", True), ("search=ann", True), ("search=bob", False), ("state=endless", True), ("state=revoked", False)],
)
def test_tokens_are_searched(endless: ApiToken, client: Client, query: str, found: bool) -> None:
    assert bool(client.get(f"/api/v1/tokens/?{query}", secure=True).json()["results"]) is found


@pytest.mark.parametrize(("query", "found"), [("search=an", True), ("search=bob", False), ("role=RootAdmin", True), ("role=Viewer", False)])
def test_people_are_searched(endless: ApiToken, client: Client, query: str, found: bool) -> None:
    assert bool(client.get(f"/api/v1/people/?{query}", secure=True).json()["results"]) is found
    assert ("ann" in client.get(f"/people/?{query}", secure=True).content.decode().partition('id="results"')[2]) is found
