"""People: created with a one-time link, given roles, deactivated and signed out."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM
from audit.models import Event
from people.accounts.services import person_change, roles_of
from people.models import Person
from people.roles.registry import Role
from tests import factories

pytestmark = pytest.mark.django_db
API, PASSWORD = "/api/v1/people/", "correct horse battery"


@pytest.fixture
def boss(site_directory: Path) -> Client:
    """A client of a RootAdmin."""
    client = Client()
    client.force_login(factories.root_admin("boss", password=PASSWORD))
    return client


def send(client: Client, method: str, path: str, **body: Any) -> Any:
    return client.generic(method, path, json.dumps(body).encode(), content_type="application/json", secure=True)


def signed_in(name: str, password: str = PASSWORD) -> Client:
    """A client that has signed in on the page."""
    client = Client()
    answer = client.post("/accounts/login/", {"login": name, "password": password}, secure=True)
    assert answer.status_code == 302, answer.content
    return client


def test_a_person_is_created_with_a_link_that_works_once(boss: Client) -> None:
    answer = send(boss, "POST", API, username="anna", roles=["Viewer", "DeploymentAdmin"])
    assert (answer.status_code, answer.json()["state"], answer.json()["roles"]) == (201, "invited", ["DeploymentAdmin", "Viewer"])
    link, person = answer.json()["link"], Person.objects.get(pk=answer.json()["id"])
    assert link.startswith("https://testserver/people/link/")
    assert link.split("/")[-2] not in str(vars(person))
    stranger = Client()
    assert b"You sign in as anna" in stranger.get(link, secure=True).content
    assert stranger.post(link, {"password": "short", "again": "short"}, secure=True).status_code == 400
    assert stranger.post(link, {"password": PASSWORD, "again": PASSWORD + "x"}, secure=True).status_code == 400
    assert stranger.post(link, {"password": PASSWORD, "again": PASSWORD}, secure=True)["Location"] == "/accounts/login/"
    assert signed_in("anna").get("/nodes/", secure=True).status_code == 200
    assert stranger.post(link, {"password": PASSWORD * 2, "again": PASSWORD * 2}, secure=True).status_code == 410
    assert b"This link does not work" in stranger.get(link, secure=True).content
    assert send(boss, "GET", f"{API}{person.pk}/").json()["state"] == "active"
    assert [event.action for event in Event.objects.order_by("sequence")][-3:] == [
        "person.created",
        "person.password-set",
        "person.sign-in",
    ]
    assert Event.objects.get(action="person.password-set").actor == "anna"


def test_a_link_ends_when_another_replaces_it_or_its_time_is_over(boss: Client) -> None:
    made = send(boss, "POST", API, username="anna").json()
    second = send(boss, "POST", f"{API}{made['id']}/link/").json()["link"]
    assert Client().get(made["link"], secure=True).status_code == 410
    assert Client().get(second, secure=True).status_code == 200
    Person.objects.filter(pk=made["id"]).update(link_expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(second, secure=True).status_code == 410


def test_a_deactivated_person_is_signed_out_and_cannot_come_back(boss: Client) -> None:
    anna = User.objects.create_user("anna", password=PASSWORD)
    client, link = signed_in("anna"), send(boss, "POST", f"{API}{anna.person.pk}/link/").json()["link"]
    token = factories.token(anna, "script", at=timezone.now())
    assert send(boss, "PATCH", f"{API}{anna.person.pk}/", active=False).json()["state"] == "deactivated"
    assert client.get("/tokens/", secure=True)["Location"].startswith("/accounts/login/")
    assert Client().get("/api/v1/tokens/", secure=True, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert Client().get(link, secure=True).status_code == 410
    assert b"password is wrong" in Client().post("/accounts/login/", {"login": "anna", "password": PASSWORD}, secure=True).content
    assert send(boss, "POST", f"{API}{anna.person.pk}/link/").status_code == 400
    assert send(boss, "PATCH", f"{API}{anna.person.pk}/", active=True).json()["state"] == "active"
    assert signed_in("anna")


def test_signing_out_everywhere_ends_each_session_of_this_person_alone(boss: Client) -> None:
    anna = User.objects.create_user("anna", password=PASSWORD)
    clients, other = [signed_in("anna") for _ in range(2)], signed_in("boss")
    assert Session.objects.count() == 4
    assert send(boss, "POST", f"{API}{anna.person.pk}/sign-out/").json() == {"sessions": 2}
    assert all(client.get("/tokens/", secure=True).status_code == 302 for client in clients)
    assert other.get("/tokens/", secure=True).status_code == 200
    assert Event.objects.get(action="person.signed-out").detail == {"sessions": 2}


@pytest.mark.parametrize("change", [{"active": False}, {"roles": ["Viewer"]}])
def test_the_last_root_admin_stays(change: dict[str, Any], boss: Client) -> None:
    person = User.objects.get(username="boss").person
    invited = send(boss, "POST", API, username="invited", roles=["RootAdmin"]).json()  # cannot sign in yet
    robot = send(boss, "POST", API, username="robot", roles=["RootAdmin"], service_account=True).json()
    answer = send(boss, "PATCH", f"{API}{person.pk}/", **change)
    assert (answer.status_code, "last person with the role RootAdmin" in answer.json()["detail"]) == (400, True)
    assert (invited["state"], robot["state"], robot["link"]) == ("invited", "active", "")
    Client().post(invited["link"], {"password": PASSWORD, "again": PASSWORD}, secure=True)
    assert send(boss, "PATCH", f"{API}{person.pk}/", **change).status_code == 200


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "1 to 100"), (" anna", "no spaces"), ("x" * 101, "1 to 100"), ("a\nb", "1 to 100"), ("BOSS", "differs only by case"),
        ("\u0430dmin", "several scripts (Cyrillic, Latin)"), ("ﬁona", "Use “fiona”"), ("a b", "letters, digits"), ("a/b", "letters, digits"),
    ],
)  # fmt: skip
def test_a_name_that_could_be_mistaken_is_refused(name: str, words: str, boss: Client) -> None:
    answer = send(boss, "POST", API, username=name)
    assert answer.status_code == 400
    assert [(error["field"], words in error["message"]) for error in answer.json()["errors"]] == [("username", True)] or name == ""
    assert User.objects.count() == 1


@pytest.mark.parametrize("name", ["анна", "Ann-Marie", "o.neil@example.org", "李雷", "jürgen"])
def test_names_of_one_script_are_accepted(name: str, boss: Client) -> None:
    assert send(boss, "POST", API, username=name).status_code == 201


def test_only_root_admin_changes_people_and_audit_admin_reads_them(boss: Client) -> None:
    person, client = User.objects.get(username="boss").person, Client()
    auditor = User.objects.create_user("auditor")
    person_change(actor=SYSTEM, person=auditor.person, roles=[Role.AUDIT_ADMIN], now=timezone.now())
    client.force_login(auditor)
    assert [one["username"] for one in client.get(API, secure=True).json()["results"]] == ["auditor", "boss"]
    for method, path, body in (
        ("POST", API, {"username": "eve"}), ("PATCH", f"{API}{person.pk}/", {"roles": []}), ("POST", f"{API}{person.pk}/link/", {}),
        ("POST", f"{API}{person.pk}/sign-out/", {}),
    ):  # fmt: skip
        answer = send(client, method, path, **body)
        assert (answer.status_code, "role RootAdmin" in answer.json()["detail"]) == (403, True)
    assert roles_of(User.objects.get(username="boss")) == [Role.ROOT_ADMIN]


def test_the_pages_do_what_the_api_does(boss: Client) -> None:
    answer = boss.post("/people/new/", {"username": "anna", "roles": ["Viewer"]}, secure=True)
    assert answer["Cache-Control"] == "no-store"
    anna = User.objects.get(username="anna")
    link = answer.content.decode().split('id="link-text">')[1].split("<")[0]
    assert Client().get(link, secure=True).status_code == 200
    page = f"/people/{anna.person.pk}/"
    assert b"anna" in boss.get("/people/", secure=True).content
    assert boss.post(page, {"roles": ["Viewer", "AuditAdmin"]}, secure=True)["Location"] == f"{page}?done=saved"
    assert roles_of(anna) == [Role.AUDIT_ADMIN, Role.VIEWER]
    assert b"Saved." in boss.get(f"{page}?done=saved", secure=True).content
    for path in ("sign-out", "activity", "activity"):
        assert boss.post(f"{page}{path}/", secure=True).status_code == 302
    assert Event.objects.filter(action="person.changed").count() == 3
    assert b"shown only once" in boss.post(f"{page}link/", secure=True).content
    own = f"/people/{User.objects.get(username='boss').person.pk}/"
    answer = boss.post(f"{own}activity/", secure=True)
    assert (answer.status_code, b"last person with the role RootAdmin" in answer.content) == (400, True)
    answer = boss.post(own, {"roles": []}, secure=True)
    assert (answer.status_code, b"last person with the role RootAdmin" in answer.content) == (400, True)
