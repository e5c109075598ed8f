"""The test sign-in: the real way, which changes nothing and shows each step."""

import html
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.models import Event
from people.models import Person
from tests import factories
from tests.identity_provider import SECRET, IdentityProvider, at_provider, leave, sign_in
from tests.people.provider.conftest import change

TEST = "/settings/provider/test/"


def rows() -> list[Any]:
    """Everything that a sign-in could change."""
    return [
        [*User.objects.order_by("pk").values_list("pk", "username", "last_login", "is_active")],
        [*Person.objects.order_by("pk").values_list("pk", "provider_roles")],
        [*SocialAccount.objects.values_list()],
        [*Group.objects.order_by("name").values_list("name", "user")],
        Event.objects.count(),
    ]


def result_of(ann: Client, name: str = "anna", **options: str) -> str:
    """The page with the result."""
    user, before = ann.session["_auth_user_id"], rows()
    answer = sign_in(ann, name, begin=TEST, **options)
    assert (answer.status_code, answer["Location"]) == (302, TEST)
    assert (ann.session["_auth_user_id"], rows()) == (user, before)
    return html.unescape(ann.get(TEST, secure=True).content.decode())


@pytest.fixture
def ann(provider: IdentityProvider) -> Client:
    change(enabled=False)
    return factories.administrator("ann")


def test_it_shows_each_step_before_the_provider_is_enabled(provider: IdentityProvider, ann: Client) -> None:
    provider.switch(groups=["admins", "cooks"])
    page = result_of(ann)
    for text in (
        "The test succeeded", f"{provider.issuer} describes itself", "came back with a code", "accepted the client ID", "Signed with RS256",
        "User name (preferred_username): anna", "Groups (groups): admins, cooks", "admins gives SecurityAdmin",
        "The person anna would be created and sign in, with the roles: SecurityAdmin",
    ):  # fmt: skip
        assert text in page, text
    assert SECRET not in page
    assert "Person anna" not in page  # values of other claims


def test_it_shows_the_roles_that_a_known_person_would_have(provider: IdentityProvider, ann: Client) -> None:
    change(enabled=True)
    sign_in(Client())
    provider.switch(groups=["staff"])
    assert "anna would sign in, with the roles: Viewer" in result_of(ann)
    assert User.objects.get(username="anna").groups.get().name == "SecurityAdmin"


FAILURES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no group": ({}, {"groups": ["cooks"]}, "The claim groups has: cooks. Give one of the groups a role in the settings"),
    "too many groups of Entra": (
        {}, {"claims": {"groups": None, "_claim_names": {"groups": "src1"}}}, "The claim groups has no groups. The provider sends too many groups"
    ),
    "a wrong secret": ({"client_secret": "another"}, {}, "Enter the client ID and the client secret again"),
    "a wrong clock": ({}, {"clock_s": 900}, "Set the wrong one (NTP)"),
    "a wrong claim": ({"name_claim": "upn"}, {}, "There is no claim upn with a name"),
    "a taken name": ({}, {"claims": {"preferred_username": "ann"}}, "There is an account ann. Link it with the identifier sub-anna"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_it_names_the_step_that_fails_and_the_remedy(provider: IdentityProvider, ann: Client, name: str) -> None:
    settings, switches, text = FAILURES[name]
    change(**settings)
    provider.switch(**switches)
    page = result_of(ann)
    assert text in page
    assert "The test failed" in page


def test_canceling_and_an_unreachable_provider_are_results_too(provider: IdentityProvider, ann: Client) -> None:
    assert "Sign-in canceled" in result_of(ann, go="no")
    change(issuer="http://localhost:1", client_secret=SECRET)
    assert ann.post(TEST, secure=True)["Location"] == TEST
    assert "Connection refused at localhost:1" in html.unescape(ann.get(TEST, secure=True).content.decode())


def test_only_a_root_admin_tests(provider: IdentityProvider, ann: Client) -> None:
    user = User.objects.create_user("eve")
    user.groups.add(Group.objects.get(name="AuditAdmin"))
    eve = Client()
    eve.force_login(user)
    assert [eve.get(TEST, secure=True).status_code, eve.post(TEST, secure=True).status_code] == [403, 403]


def test_a_role_that_was_lost_meanwhile_ends_the_test(provider: IdentityProvider, ann: Client) -> None:
    back = at_provider(leave(ann, TEST))
    User.objects.get(username="ann").groups.clear()
    answer = ann.get(back, secure=True, headers={"Accept": "text/html"})
    assert (answer.status_code, "provider_test" in ann.session) == (400, False)
