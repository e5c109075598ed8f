"""Sign-in with a real provider: who is signed in, with which roles, and what stays local."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM
from audit.models import Event
from people.accounts.lists import state_of
from people.accounts.services import person_change, roles_of
from people.models import Guesses, Person
from people.sign_in import sessions
from tests import factories
from tests.identity_provider import IdentityProvider, at_provider, leave, sign_in
from tests.people.provider.conftest import change
from web.errors import InputInvalid


def is_signed_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


def person(name: str = "anna") -> Person:
    return Person.objects.get(user__username=name)


def roles(name: str = "anna") -> list[str]:
    return [*roles_of(person(name).user)]


def test_a_new_person_is_created_with_the_roles_of_the_groups(provider: IdentityProvider) -> None:
    browser = Client()
    answer = sign_in(browser, next="/nodes/")
    assert (answer.status_code, answer["Location"], is_signed_in(browser)) == (302, "/nodes/", True)
    anna = person()
    assert (roles(), anna.provider_roles, state_of(anna)) == (["SecurityAdmin"], ["SecurityAdmin"], "active")
    assert (anna.user.has_usable_password(), anna.user.email, anna.password_is_written) == (False, "", False)
    assert list(SocialAccount.objects.values_list("provider", "uid", "extra_data")) == [(provider.issuer, "sub-anna", {})]
    assert (SocialApp.objects.count(), SocialToken.objects.count(), Guesses.objects.count()) == (0, 0, 0)
    created, signed = Event.objects.filter(target_id=anna.pk).order_by("sequence")
    assert (created.action, created.actor) == ("person.created", "system for the provider Company")
    assert created.detail == {"roles": ["SecurityAdmin"], "provider": "Company", "identifier": "sub-anna", "groups": ["admins"]}
    assert (signed.action, signed.actor, signed.outcome, signed.detail["means"]) == ("person.sign-in", "anna", "done", [provider.issuer])
    assert browser.get("/account/", secure=True).status_code == 200


def test_a_sign_in_leads_to_no_other_site(provider: IdentityProvider) -> None:
    assert sign_in(Client(), next="https://evil.example/")["Location"] == "/"


def test_roles_follow_the_groups_and_those_given_by_hand_stay(provider: IdentityProvider) -> None:
    sign_in(Client())
    anna = person()
    person_change(actor=SYSTEM, person=anna, roles=["SecurityAdmin", "AuditAdmin"], now=timezone.now())
    provider.switch(groups=["staff", "something else"])
    sign_in(Client())
    assert (roles(), person().provider_roles) == (["AuditAdmin", "Viewer"], ["Viewer"])
    detail = Event.objects.filter(action="person.changed").first().detail  # type: ignore[union-attr]
    assert detail == {"roles": ["AuditAdmin", "Viewer"], "roles_before": ["AuditAdmin", "SecurityAdmin"], "provider": "Company"}
    provider.switch(groups=[])
    assert sign_in(Client()).status_code == 302
    assert (roles(), person().provider_roles) == (["AuditAdmin"], [])


def test_a_person_whose_groups_have_no_role_any_more_loses_them_and_is_refused(provider: IdentityProvider) -> None:
    sign_in(Client())
    provider.switch(groups=["cooks", "<b>drivers</b>"])
    browser = Client()
    answer = sign_in(browser)
    page = answer.content.decode()
    assert (answer.status_code, is_signed_in(browser), roles()) == (403, False, [])
    assert "None of your groups has a role here" in page
    assert "cooks, &lt;b&gt;drivers&lt;/b&gt;" in page
    assert "RootAdmin" in page
    event = Event.objects.filter(action="person.sign-in").first()
    assert event is not None
    assert (event.outcome, event.detail["code"], event.target_label) == ("refused", "no-role", "anna")


def test_the_last_root_admin_keeps_the_role_whatever_the_groups_say(provider: IdentityProvider) -> None:
    User.objects.all().delete()
    ann = factories.root_admin("ann", password="correct horse battery")
    ann.person.provider_roles = ["RootAdmin"]
    ann.person.save()
    SocialAccount.objects.create(user=ann, provider=provider.issuer, uid="sub-ann")
    sign_in(Client(), "ann")
    assert roles("ann") == ["RootAdmin", "SecurityAdmin"]
    factories.root_admin("bob", password="correct horse battery")
    sign_in(Client(), "ann")
    assert roles("ann") == ["SecurityAdmin"]


def test_a_root_admin_of_the_provider_is_no_replacement_for_a_local_one(provider: IdentityProvider) -> None:
    """While the provider is unavailable, somebody must be able to sign in."""
    User.objects.all().delete()
    ann = factories.root_admin("ann", password="correct horse battery")
    provider.switch(groups=["roots"])
    sign_in(Client())
    assert roles() == ["RootAdmin"]
    with pytest.raises(InputInvalid, match="last person with the role RootAdmin"):
        person_change(actor=SYSTEM, person=ann.person, is_active=False, now=timezone.now())


def test_a_role_of_the_provider_is_not_taken_away_by_hand(provider: IdentityProvider) -> None:
    sign_in(Client())
    with pytest.raises(InputInvalid, match="Groups of the provider give anna the role SecurityAdmin"):
        person_change(actor=SYSTEM, person=person(), roles=["Viewer"], now=timezone.now())
    page = factories.administrator().get(f"/people/{person().pk}/", secure=True).content.decode()
    assert "Groups of the provider give these roles at each sign-in: <strong>SecurityAdmin</strong>" in page
    assert 'value="SecurityAdmin"' not in page
    assert "sub-anna" in page


def test_a_name_is_never_taken_over(provider: IdentityProvider) -> None:
    local = factories.root_admin("Anna", password="correct horse battery")
    browser = Client()
    answer = sign_in(browser)
    page = answer.content.decode()
    assert (answer.status_code, is_signed_in(browser), SocialAccount.objects.count()) == (403, False, 0)
    assert "link it on the page of your account" in page
    assert "sub-anna" in page
    event = Event.objects.filter(action="person.sign-in").first()
    assert event is not None
    assert (event.target_label, event.actor, event.detail["code"], event.detail["identifier"]) == (
        "Company", "provider Company", "name-taken", "sub-anna",
    )  # fmt: skip
    assert roles_of(local) == ["RootAdmin"]


def test_an_identity_is_the_issuer_and_the_subject_and_no_claim(provider: IdentityProvider) -> None:
    """Whoever has another name next year is the same person. Whoever gets the name is another one."""
    sign_in(Client())
    provider.switch(claims={"preferred_username": "anna.married", "email": "bob@corp.example", "email_verified": True})
    factories.root_admin("bob", email="bob@corp.example")
    browser = Client()
    sign_in(browser)
    assert browser.session["_auth_user_id"] == str(person().user.pk)
    assert not User.objects.filter(username="anna.married").exists()
    SocialAccount.objects.update(provider="https://other.example")
    assert sign_in(Client()).status_code == 302
    assert SocialAccount.objects.get(provider=provider.issuer).user.username == "anna.married"


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "nobody is created": ({"creates_people": False}, {}, "unknown-person"),
    "no group": ({}, {"groups": []}, "no-role"),
    "groups are no texts": ({}, {"groups": [7, {"a": "admins"}, None]}, "no-role"),
    "groups are missing": ({"groups_claim": "roles"}, {}, "no-role"),
    "no name": ({"name_claim": "upn"}, {}, "name-unusable"),
    "a name with a space": ({"name_claim": "name"}, {}, "name-unusable"),
    "a name in two scripts": ({}, {"claims": {"preferred_username": "аnna"}}, "name-unusable"),
    "a name that is no text": ({}, {"claims": {"preferred_username": ["anna"]}}, "name-unusable"),
    "a very long name": ({}, {"claims": {"preferred_username": "a" * 5000}}, "name-unusable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_new_person_who_does_not_fit_is_refused_and_nothing_is_made(provider: IdentityProvider, name: str) -> None:
    settings, switches, code = REFUSED[name]
    change(**settings)
    provider.switch(**switches)
    before = User.objects.count()
    answer = sign_in(Client())
    event = Event.objects.filter(action="person.sign-in").first()
    assert event is not None
    assert (answer.status_code, User.objects.count(), SocialAccount.objects.count()) == (403, before, 0)
    assert (event.detail["code"], event.outcome) == (code, "refused")


def test_one_group_as_a_text_and_groups_of_the_userinfo_answer_count(provider: IdentityProvider) -> None:
    provider.switch(groups="staff")
    sign_in(Client())
    assert roles() == ["Viewer"]


def test_a_deactivated_person_stays_out_and_keeps_the_roles(provider: IdentityProvider) -> None:
    sign_in(Client())
    person_change(actor=SYSTEM, person=person(), is_active=False, now=timezone.now())
    provider.switch(groups=["staff"])
    browser = Client()
    answer = sign_in(browser)
    assert (answer.status_code, is_signed_in(browser), roles()) == (403, False, ["SecurityAdmin"])
    assert "Your account is deactivated" in answer.content.decode()


def test_sessions_have_the_same_limits(provider: IdentityProvider) -> None:
    browser = Client()
    sign_in(browser)
    assert browser.session.get_expire_at_browser_close()
    session = browser.session
    session[sessions.SEEN] = session[sessions.SEEN] - timedelta(minutes=61).total_seconds()
    session.save()
    assert browser.get("/nodes/", secure=True).status_code == 302
    assert not is_signed_in(browser)


def test_the_session_of_an_attempt_is_short_and_is_deleted(provider: IdentityProvider) -> None:
    """Anybody can begin a sign-in, so it must not leave a row for long."""
    browser, now = Client(), timezone.now()
    leave(browser)
    row = Session.objects.get()
    assert row.expire_date < now + timedelta(minutes=11)
    assert [sessions.sessions_forget(now=now), sessions.sessions_forget(now=now + timedelta(minutes=12))] == [0, 1]


def test_the_password_of_a_root_admin_works_beside_the_provider(provider: IdentityProvider) -> None:
    factories.root_admin("ann", password="correct horse battery")
    browser = Client()
    assert "Sign in with Company" in browser.get("/accounts/login/", secure=True).content.decode()
    browser.post("/accounts/login/", {"login": "ann", "password": "correct horse battery"}, secure=True)
    assert is_signed_in(browser)


def test_a_provider_that_is_not_enabled_signs_nobody_in(provider: IdentityProvider) -> None:
    browser = Client()
    there = leave(browser)
    change(enabled=False)
    assert "Sign in with Company" not in Client().get("/accounts/login/", secure=True).content.decode()
    assert Client().post("/accounts/provider/", secure=True).status_code == 404
    answer = browser.get(at_provider(there), secure=True)
    assert (answer.status_code, is_signed_in(browser), User.objects.filter(username="anna").exists()) == (404, False, False)


def test_a_signed_in_person_who_signs_in_as_another_is_that_one(provider: IdentityProvider) -> None:
    browser = Client()
    sign_in(browser)
    sign_in(browser, "berta")
    assert browser.session["_auth_user_id"] == str(person("berta").user.pk)
