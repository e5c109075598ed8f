"""Passwords and passkeys can be for RootAdmins only. Then everybody else signs in with the provider."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.models import Event
from tests.identity_provider import IdentityProvider, sign_in
from tests.people.factors.conftest import PASSWORD, Person
from tests.people.provider.conftest import change


@pytest.fixture
def bea(provider: IdentityProvider) -> Person:
    """A person who has signed in with a password, before that was left to RootAdmins."""
    user = User.objects.create_user("bea", password=PASSWORD)
    user.groups.add(Group.objects.get(name="SecurityAdmin"))
    person = Person("bea")
    assert person.password().status_code == 302
    return person


def refused(answer: Any) -> None:
    assert (answer.status_code, "are for people with the role RootAdmin only" in answer.content.decode()) == (403, True)
    event = Event.objects.filter(action="person.sign-in").first()
    assert event is not None
    assert (event.outcome, event.detail["code"], event.target_label) == ("refused", "local-refused", "bea")


def test_a_right_password_of_another_role_is_refused_and_a_wrong_one_looks_as_always(provider: IdentityProvider, bea: Person) -> None:
    bea.sign_out()
    change(local_for_root_admins_only=True)
    refused(bea.password())
    assert not bea.is_signed_in()
    assert "User name or password is wrong" in bea.password("wrong").content.decode()


def test_a_passkey_of_another_role_is_refused(provider: IdentityProvider, bea: Person) -> None:
    bea.add_passkey()
    bea.sign_out()
    change(local_for_root_admins_only=True)
    asked = bea.get("/accounts/passkey/", headers={"Accept": "application/json"}).json()["request_options"]
    refused(bea.post("/accounts/passkey/", {"credential": json.dumps(bea.passkey.used(asked))}))
    assert not bea.is_signed_in()


def test_a_root_admin_and_people_of_the_provider_sign_in(provider: IdentityProvider) -> None:
    change(local_for_root_admins_only=True)
    local, anna = Client(), Client()
    local.post("/accounts/login/", {"login": "local", "password": "correct horse battery"}, secure=True)
    sign_in(anna)
    assert [one.get("/account/", secure=True).status_code for one in (local, anna)] == [200, 200]


def test_while_the_provider_is_disabled_passwords_are_for_everybody(provider: IdentityProvider, bea: Person) -> None:
    change(local_for_root_admins_only=True, enabled=False)
    bea.sign_out()
    assert (bea.password().status_code, bea.is_signed_in()) == (302, True)
