"""A role that requires a second factor, and people who sign in with the provider."""

import re

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from people.models import RoleRule
from people.sign_in import sessions
from tests.identity_provider import IdentityProvider, sign_in
from tests.people.factors.keys import code_now
from tests.people.provider.conftest import change

FACTORS = "/account/second-factors/"


@pytest.mark.parametrize("counts", [False, True])
def test_the_second_factor_of_the_provider_counts_if_the_settings_say_so(provider: IdentityProvider, counts: bool) -> None:
    change(checks_second_factor=counts)
    RoleRule.objects.create(role=Group.objects.get(name="SecurityAdmin"), second_factor=True)
    browser = Client()
    sign_in(browser)
    assert browser.session[sessions.SECOND_FACTOR_CHECKED] is counts
    answer = browser.get("/nodes/", secure=True)
    assert (answer.status_code, answer.headers.get("Location")) == ((200, None) if counts else (302, FACTORS))


def test_a_person_of_the_provider_adds_a_factor_and_signs_in_with_it(provider: IdentityProvider) -> None:
    RoleRule.objects.create(role=Group.objects.get(name="SecurityAdmin"), second_factor=True)
    browser = Client()
    sign_in(browser)
    app = f"{FACTORS}app/"
    assert browser.get(app, secure=True)["Location"] == "/accounts/provider/again/?next=%2Faccount%2Fsecond-factors%2Fapp%2F"
    assert sign_in(browser, begin="/accounts/provider/again/", next=app)["Location"] == app
    page = browser.get(app, secure=True).content.decode()
    secret = re.findall(r'id="key-text">([A-Z2-7 ]+)<', page)[0].replace(" ", "")
    signed = re.findall(r'name="key" value="([^"]+)"', page)[0]
    added = browser.post(app, {"name": "Phone", "code": code_now(secret, steps=-1), "key": signed}, secure=True)
    assert added.status_code in (200, 302), added.content
    assert browser.get("/nodes/", secure=True).status_code == 200
    other = Client()
    asked = sign_in(other)
    assert (asked.status_code, asked["Location"], "_auth_user_id" in other.session) == (302, "/accounts/second-factor/", False)
    answer = other.post(asked["Location"], {"code": code_now(secret)}, secure=True)
    assert (answer.status_code, other.get("/nodes/", secure=True).status_code) == (302, 200), answer.content.decode()[:3000]
    assert other.session[sessions.SECOND_FACTOR_CHECKED] is False
    change(checks_second_factor=True)
    third = Client()
    assert (sign_in(third)["Location"], third.get("/nodes/", secure=True).status_code) == ("/", 200)
