"""Refused changes and refused tokens are in the audit log, and a loop of them does not fill it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import Event, Outcome
from people.models import ApiToken, Guesses
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories

pytestmark = pytest.mark.django_db
CONNECTION = {"name": "Stock", "type": "odbc", "connection_string": "DSN=stock"}


def viewer() -> tuple[User, Client]:
    user, client = User.objects.create_user("eve"), Client()
    role_give(user, Role.VIEWER)
    client.force_login(user)
    return user, client


def events(action: str = "permission.refused") -> list[Event]:
    return list(Event.objects.filter(action=action).order_by("sequence"))


def test_a_refused_change_of_a_person_is_recorded_once_however_often_it_is_tried() -> None:
    user, client = viewer()
    for _ in range(30):
        page = client.post("/people/new/", {"username": "mia"}, secure=True)
    assert page.status_code == 403
    assert "eve may not do this. It needs the role RootAdmin." in page.content.decode()
    (event,) = events()
    assert (event.actor, event.outcome, event.target_id, event.target_label) == ("eve", Outcome.REFUSED, user.person.pk, "eve")
    assert event.detail == {"permission": "people.change_person", "method": "POST", "path": "/people/new/", "address": "127.0.0.1"}
    client.post("/connections/new/", {}, secure=True)
    assert [event.detail["permission"] for event in events()] == ["people.change_person", "nodes.add_connection"]


@pytest.mark.parametrize("by", [timedelta(minutes=10), timedelta(minutes=-1)], ids=["ten minutes later", "clock set back"])
def test_it_is_recorded_again_after_ten_minutes(by: timedelta) -> None:
    _, client = viewer()
    client.post("/people/new/", {"username": "mia"}, secure=True)
    Guesses.objects.update(began_at=timezone.now() - by)
    client.post("/people/new/", {"username": "mia"}, secure=True)
    assert len(events()) == 2


def test_a_refused_request_that_only_reads_is_not_recorded() -> None:
    _, client = viewer()
    assert client.get("/people/", secure=True).status_code == client.get("/api/v1/people/", secure=True).status_code == 403
    assert events() == []


def test_refused_changes_of_the_api_name_the_token() -> None:
    now, user = timezone.now(), factories.root_admin("ann")
    for name in ("dashboard", "report"):
        token = factories.token(user, name, at=now, scopes=["read"])
        for _ in range(3):
            answer = Client().post(
                "/api/v1/connections/",
                CONNECTION,
                content_type="application/json",
                secure=True,
                headers={"Authorization": f"Bearer {token}"},
            )
            assert answer.status_code == 403
            assert answer.json()["detail"].startswith(f"The token {name} lacks the scope write.")
    assert [(event.actor, event.target_label) for event in events()] == [("token dashboard", "ann"), ("token report", "ann")]


def test_a_token_that_is_refused_is_recorded_once_for_each_network() -> None:
    now = timezone.now()
    token = factories.token(factories.root_admin("ann"), "report", at=now, addresses=["10.0.0.0/24"])
    for address in ("192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::2", "192.0.2.9"):
        answer = Client().get("/api/v1/nodes/", secure=True, headers={"Authorization": f"Bearer {token}"}, REMOTE_ADDR=address)
        assert answer.status_code == 401
    found = events("token.refused")
    assert [(event.actor, event.outcome, event.detail["address"]) for event in found] == [
        ("token report", Outcome.REFUSED, address) for address in ("192.0.2.1", "2001:db8::1", "192.0.2.9")
    ]
    assert found[0].target_id == ApiToken.objects.get().pk
    assert "may not be used from 192.0.2.1" in found[0].detail["reason"]
    assert token not in str([event.detail for event in found])


def test_a_token_of_a_deactivated_person_is_recorded() -> None:
    user = factories.root_admin("ann")
    token = factories.token(user, "report", at=timezone.now())
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert Client().get("/api/v1/nodes/", secure=True, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert "is deactivated" in events("token.refused")[0].detail["reason"]


def test_a_role_that_is_removed_ends_the_right_with_the_next_request() -> None:
    user, client = viewer()
    assert client.get("/certificates/", secure=True).status_code == 200
    user.groups.clear()
    assert client.get("/certificates/", secure=True).status_code == 403


def test_a_token_in_an_address_is_not_accepted_and_in_no_event() -> None:
    token = factories.token(factories.root_admin("ann"), "report", at=timezone.now())
    assert Client().get(f"/api/v1/nodes/?token={token}", secure=True).status_code == 401
    assert Client().get(f"/nodes/?token={token}", secure=True).status_code == 302
    assert not Event.objects.filter(detail__icontains=token).exists()


def test_the_end_of_a_session_is_recorded(client: Client) -> None:
    user = User.objects.create_superuser("zoe")
    for ended, actor in (("", "zoe"), ("idle", "system"), ("longest", "system")):
        client.force_login(user)
        session, over = client.session, 10_000_000_000.0 if ended else 0
        session["seen" if ended == "idle" else "began"] -= over
        session.save()
        client.get("/", secure=True) if ended else client.post("/accounts/logout/", secure=True)
        event = Event.objects.latest("sequence")
        assert (event.action, event.actor, event.target_label, event.detail.get("ended", "")) == ("person.signed-out", actor, "zoe", ended)
        assert event.credential == f"session {session['id']}"
