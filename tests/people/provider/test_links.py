"""Links of people with their identity at the provider: by the person, or by a RootAdmin, and by nobody else."""

import json
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM, Actor
from audit.models import Event
from people.accounts.services import person_create, roles_of
from people.provider.links import link_by_administrator, link_remove, link_remove_own
from tests import factories
from tests.identity_provider import IdentityProvider, at_provider, leave, sign_in
from tests.people.provider.conftest import change
from web.errors import InputInvalid

OWN, PASSWORD = "/account/provider/", "correct horse battery"


@pytest.fixture
def anna(provider: IdentityProvider) -> User:
    """A local person with the name of somebody at the provider."""
    user = User.objects.create_user("anna", password=PASSWORD)
    user.groups.add(Group.objects.get(name="AuditAdmin"))
    return user


def signed_in(name: str = "anna") -> Client:
    browser = Client()
    assert browser.post("/accounts/login/", {"login": name, "password": PASSWORD}, secure=True).status_code == 302
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD}, secure=True)
    return browser


def links() -> list[tuple[str, str]]:
    return list(SocialAccount.objects.values_list("user__username", "uid"))


def test_a_person_links_their_own_account_and_keeps_the_roles(provider: IdentityProvider, anna: User) -> None:
    browser = signed_in()
    answer = sign_in(browser, begin=OWN)
    assert (answer.status_code, answer["Location"], links()) == (302, f"{OWN}?linked", [("anna", "sub-anna")])
    assert roles_of(anna) == ["AuditAdmin"]
    assert Event.objects.filter(action="person.linked").get().detail["identifier"] == "sub-anna"
    assert "sub-anna" in browser.get(OWN, secure=True).content.decode()
    other = Client()
    assert sign_in(other).status_code == 302
    assert other.session["_auth_user_id"] == str(anna.pk)
    assert roles_of(User.objects.get(pk=anna.pk)) == ["SecurityAdmin", "AuditAdmin"]


def test_linking_requires_a_fresh_sign_in(provider: IdentityProvider, anna: User) -> None:
    browser = Client()
    browser.force_login(anna)
    assert browser.get(OWN, secure=True).headers["Location"].startswith("/accounts/reauthenticate/")
    assert browser.post(OWN, secure=True).headers["Location"] == OWN


def test_a_link_ends_with_the_person_who_began_it(provider: IdentityProvider, anna: User) -> None:
    browser = signed_in()
    back = at_provider(leave(browser, OWN))
    session = browser.session
    states = session["socialaccount_states"]
    browser.post("/accounts/logout/", secure=True)
    browser.force_login(factories.root_admin("bob"))
    session = browser.session
    session["socialaccount_states"] = states
    session.save()
    assert browser.get(back, secure=True).status_code == 400
    assert links() == []


def test_an_identity_is_of_one_person(provider: IdentityProvider, anna: User) -> None:
    sign_in(Client(), "berta")
    answer = sign_in(signed_in(), "berta", begin=OWN)
    assert (answer.status_code, "linked with berta" in answer.content.decode()) == (409, True)
    assert links() == [("berta", "sub-berta")]


def test_a_root_admin_links_a_person_who_was_refused(provider: IdentityProvider, anna: User) -> None:
    assert sign_in(Client()).status_code == 403
    link_by_administrator(actor=SYSTEM, person=anna.person, identifier="sub-anna", now=timezone.now())
    assert sign_in(Client()).status_code == 302


def test_page_and_api_link_and_unlink(provider: IdentityProvider, anna: User) -> None:
    factories.root_admin("ann", password=PASSWORD)
    ann, page = signed_in("ann"), f"/people/{anna.person.pk}/provider/"
    assert ann.post(page, {"identifier": " sub-anna"}, secure=True).status_code == 302
    assert links() == [("anna", "sub-anna")]
    assert "sub-anna" in ann.get(page, secure=True).content.decode()
    assert ann.post(page, {"remove": "yes"}, secure=True).status_code == 302
    api = f"/api/v1/people/{anna.person.pk}/provider/"
    answer = ann.put(api, json.dumps({"identifier": "sub-x"}), content_type="application/json", secure=True)
    assert (answer.status_code, answer.json()["provider_identifier"]) == (200, "sub-x")
    assert (ann.delete(api, secure=True).status_code, links()) == (204, [])
    assert Event.objects.filter(action="person.unlinked").count() == 2


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"identifier": ""}, "1 to 191"),
    "long": ({"identifier": "x" * 192}, "1 to 191"),
    "a line break": ({"identifier": "a\nb"}, "1 to 191"),
    "of another person": ({"identifier": "sub-berta"}, "linked with berta"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_link_that_cannot_be_is_refused(provider: IdentityProvider, anna: User, name: str) -> None:
    given, text = WRONG[name]
    sign_in(Client(), "berta")
    with pytest.raises(InputInvalid, match=text):
        link_by_administrator(actor=SYSTEM, person=anna.person, now=timezone.now(), **given)
    assert links() == [("berta", "sub-berta")]


def test_a_second_identity_and_a_service_account_are_refused(provider: IdentityProvider, anna: User) -> None:
    link_by_administrator(actor=SYSTEM, person=anna.person, identifier="one", now=timezone.now())
    with pytest.raises(InputInvalid, match="linked with another identity"):
        link_by_administrator(actor=SYSTEM, person=anna.person, identifier="two", now=timezone.now())
    robot, _ = person_create(actor=SYSTEM, username="robot", is_service=True, now=timezone.now())
    with pytest.raises(InputInvalid, match="service account"):
        link_by_administrator(actor=SYSTEM, person=robot, identifier="three", now=timezone.now())


def test_removing_a_link_removes_the_roles_of_the_groups_and_ends_sessions(provider: IdentityProvider) -> None:
    browser = Client()
    sign_in(browser)
    user = User.objects.get(username="anna")
    with pytest.raises(InputInvalid, match="You have no password"):
        link_remove_own(user=user, now=timezone.now())
    user.groups.add(Group.objects.get(name="Viewer"))
    link_remove(actor=SYSTEM, person=user.person, now=timezone.now())
    assert (links(), roles_of(User.objects.get(pk=user.pk))) == ([], ["Viewer"])
    assert browser.get("/nodes/", secure=True).status_code == 302


def test_the_last_root_admin_keeps_the_role_without_the_link(provider: IdentityProvider) -> None:
    User.objects.all().delete()
    ann = factories.root_admin("ann", password=PASSWORD)
    ann.person.provider_roles = ["RootAdmin"]
    ann.person.save()
    link_by_administrator(actor=SYSTEM, person=ann.person, identifier="sub-ann", now=timezone.now())
    link_remove_own(user=ann, now=timezone.now())
    ann = User.objects.get(username="ann")
    assert (links(), roles_of(ann), ann.person.provider_roles) == ([], ["RootAdmin"], [])


def test_only_a_root_admin_links_others(provider: IdentityProvider, anna: User) -> None:
    actor = Actor("user", "anna", anna)
    for act in (
        lambda: link_by_administrator(actor=actor, person=anna.person, identifier="x", now=timezone.now()),
        lambda: link_remove(actor=actor, person=anna.person, now=timezone.now()),
    ):
        with pytest.raises(Exception, match="needs the role RootAdmin"):
            act()


def test_another_issuer_begins_with_nobody_linked(provider: IdentityProvider) -> None:
    sign_in(Client())
    change(issuer="https://other.example", client_secret="x" * 20)
    assert not SocialAccount.objects.filter(provider="https://other.example").exists()


def test_a_person_of_the_provider_is_not_asked_for_a_password_that_does_not_exist(provider: IdentityProvider) -> None:
    browser = Client()
    sign_in(browser)
    assert "Change password" not in browser.get("/account/", secure=True).content.decode()
    page = browser.get("/account/password/", secure=True)
    assert (page.status_code, "You sign in with the provider" in page.content.decode()) == (200, True)
