"""Roles that require a second factor, and resets of second factors that are lost."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from audit.models import Event
from people.models import FactorSecret
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories
from tests.people.factors.conftest import PAGE, PASSWORD, Person

pytestmark = pytest.mark.django_db


def viewer(name: str = "vic") -> Person:
    """A person with the role Viewer who has signed in with the password."""
    role_give(User.objects.create_user(name, password=PASSWORD), Role.VIEWER)
    person = Person(name)
    person.password()
    return person


def send(person: Person, method: str, path: str, **body: Any) -> Any:
    return person.browser.generic(method, path, json.dumps(body).encode(), content_type="application/json", secure=True)


def require(ann: Person, *roles: str) -> Any:
    return send(ann, "PUT", "/api/v1/people/roles/", second_factor=list(roles))


def test_a_role_that_requires_a_second_factor_leads_to_it_at_once_and_to_nothing_else(ann: Person) -> None:
    vic = viewer()
    assert vic.get("/nodes/").status_code == 200
    token = factories.token(vic.user, "script", at=timezone.now())
    assert require(ann, "Viewer").status_code == 200
    for path in ("/", "/nodes/", "/account/", "/account/password/", "/tokens/"):
        assert vic.get(path)["Location"] == PAGE, path
    answer = vic.get("/api/v1/nodes/")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:trust-zone:second-factor-required")
    assert Client().get("/api/v1/nodes/", secure=True, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert b"Your role requires a second factor" in vic.get(PAGE).content
    vic.sign_out()
    assert vic.password().status_code == 302
    assert vic.get("/nodes/")["Location"] == PAGE
    assert vic.add_app().status_code == 200
    assert vic.get("/nodes/").status_code == 200
    assert ann.get("/nodes/").status_code == 200


def test_the_last_factor_stays_while_a_role_requires_one(ann: Person) -> None:
    require(ann, "RootAdmin")
    ann.add_app()
    ann.add_passkey()
    app, passkey = (Authenticator.objects.get(type=kind).pk for kind in ("totp", "webauthn"))
    assert ann.post(f"{PAGE}{app}/remove/").status_code == 302
    answer = ann.post(f"{PAGE}{passkey}/remove/")
    assert (answer.status_code, b"your role RootAdmin requires one" in answer.content) == (400, True)
    require(ann)
    assert ann.post(f"{PAGE}{passkey}/remove/").status_code == 302


def test_page_and_api_of_roles_say_who_lacks_one_and_record_each_change(ann: Person) -> None:
    viewer()
    found = {role["role"]: role for role in send(ann, "GET", "/api/v1/people/roles/").json()["roles"]}
    assert found["Viewer"] == {"role": "Viewer", "second_factor": False, "people": 1, "lacking": 1}
    ann.add_app()
    assert ann.post("/people/roles/", {"roles": ["Viewer", "RootAdmin"]})["Location"] == "/people/roles/?saved"
    page = ann.get("/people/roles/?saved").content
    assert (b"Saved." in page, page.count(b">required<")) == (True, 2)
    found = {role["role"]: role for role in require(ann, "Viewer").json()["roles"]}
    assert (found["RootAdmin"]["lacking"], found["RootAdmin"]["second_factor"], found["Viewer"]["second_factor"]) == (0, False, True)
    changes = Event.objects.filter(action="role.second-factor").order_by("sequence")
    assert sorted((event.target_label, event.detail["required"]) for event in changes) == [
        ("RootAdmin", False), ("RootAdmin", True), ("Viewer", True),
    ]  # fmt: skip
    assert require(ann, "Boss").status_code == 400
    assert b"Select a valid choice" in ann.post("/people/roles/", {"roles": ["Boss"]}).content


def test_only_root_admin_changes_roles_and_resets_second_factors(ann: Person) -> None:
    ann.add_app()
    auditor = User.objects.create_user("auditor", password=PASSWORD)
    role_give(auditor, Role.AUDIT_ADMIN)
    person = Person("auditor")
    person.password()
    assert person.get("/people/roles/").status_code == 200
    pk = ann.user.person.pk
    for answer in (
        require(person), person.post("/people/roles/", {"roles": []}), person.post(f"/people/{pk}/second-factors/"),
        send(person, "POST", f"/api/v1/people/{pk}/reset-second-factors/"),
    ):  # fmt: skip
        assert answer.status_code == 403
    assert Authenticator.objects.filter(type="totp").exists()


@pytest.mark.parametrize("by", ["page", "session", "token"])
def test_a_reset_after_a_fresh_sign_in_removes_all_and_ends_the_sessions(ann: Person, by: str) -> None:
    vic = viewer()
    vic.add_app()
    vic.add_passkey()
    pk = vic.user.person.pk
    page, path = f"/people/{pk}/second-factors/", f"/api/v1/people/{pk}/reset-second-factors/"
    before = Authenticator.objects.count()
    match by:
        case "page":
            assert ann.post(page).status_code == 302
            assert ann.get(page)["Location"].startswith("/accounts/reauthenticate/")
            assert Authenticator.objects.count() == before
            ann.confirm()
            assert b"Authenticator app" in ann.get(page).content
            assert ann.post(page)["Location"] == f"/people/{pk}/?done=factors-reset"
        case "session":
            answer = send(ann, "POST", path)
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:trust-zone:fresh-sign-in-required")
            assert Authenticator.objects.count() == before
            ann.confirm()
            assert send(ann, "POST", path).json() == {"removed": ["authenticator app", "passkey"]}
            assert send(ann, "POST", path).status_code == 400
        case "token":
            token = factories.token(ann.user, "script", scopes=["accounts"], at=timezone.now())
            answer = Client().post(path, content_type="application/json", secure=True, headers={"Authorization": f"Bearer {token}"})
            assert answer.json() == {"removed": ["authenticator app", "passkey"]}
    assert (Authenticator.objects.count(), FactorSecret.objects.count()) == (0, 0)
    assert Event.objects.get(action="person.second-factors-reset").detail == {"removed": ["authenticator app", "passkey"]}
    assert vic.get("/nodes/")["Location"].startswith("/accounts/login/")
    assert vic.password()["Location"] == "/"


def test_reset_admin_removes_second_factors_too(ann: Person, tmp_path: Any) -> None:
    ann.add_app()
    file = tmp_path / "password"
    file.write_text(PASSWORD + "x")
    call_command("reset_admin", "ann", "--password-file", str(file))
    assert Event.objects.get(action="person.second-factors-reset").detail == {"removed": ["authenticator app"]}
    assert not Authenticator.objects.exists()
    assert ann.password(PASSWORD + "x")["Location"] == "/"


def test_people_are_listed_with_whether_they_have_a_second_factor(ann: Person) -> None:
    viewer()
    ann.add_app()
    found = {one["username"]: one["second_factor"] for one in send(ann, "GET", "/api/v1/people/").json()["results"]}
    assert found == {"ann": True, "vic": False}
    assert b"Second factor" in ann.get("/people/").content
