"""People without a password sign in with the provider again before dangerous acts."""

import html
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client

from people.provider import endings
from tests.identity_provider import IdentityProvider, at_provider, leave, sign_in
from tests.people.provider.conftest import change

AGAIN, GUARDED = "/accounts/provider/again/", "/account/provider/"


@pytest.fixture
def anna(provider: IdentityProvider) -> Client:
    browser = Client()
    sign_in(browser)
    return browser


def test_a_person_without_a_password_signs_in_at_the_provider_again(provider: IdentityProvider, anna: Client) -> None:
    asked = anna.get(GUARDED, secure=True)
    assert (asked.status_code, asked["Location"]) == (302, f"{AGAIN}?next=%2Faccount%2Fprovider%2F")
    page = anna.get(asked["Location"], secure=True).content.decode()
    assert 'value="/account/provider/"' in page
    there = parse_qs(urlsplit(leave(anna, AGAIN, next=GUARDED)).query)
    assert (there["prompt"], there["max_age"]) == (["login"], ["300"])
    answer = sign_in(anna, begin=AGAIN, next=GUARDED)
    assert (answer.status_code, answer["Location"]) == (302, GUARDED)
    assert anna.get(GUARDED, secure=True).status_code == 200


def test_a_form_that_arrives_too_late_is_asked_for_again(provider: IdentityProvider, anna: Client) -> None:
    assert anna.post(GUARDED, {"remove": "yes"}, secure=True)["Location"] == GUARDED


def test_another_person_at_the_provider_is_refused(provider: IdentityProvider, anna: Client) -> None:
    answer = sign_in(anna, "berta", begin=AGAIN, next=GUARDED)
    assert (answer.status_code, "This is another person" in answer.content.decode()) == (403, True)
    assert anna.get(GUARDED, secure=True).status_code == 302
    assert not User.objects.filter(username="berta").exists()


def test_an_earlier_sign_in_at_the_provider_is_not_fresh(provider: IdentityProvider, anna: Client) -> None:
    """The address of the provider was changed on the way, so that it does not ask again."""
    there = leave(anna, AGAIN, next=GUARDED).replace("prompt=login", "prompt=").replace("max_age=300", "max_age=99999")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(endings, "FRESH", timedelta(hours=-1))
        answer = anna.get(at_provider(there), secure=True, headers={"Accept": "text/html"})
    assert (answer.status_code, "The provider did not ask you again" in html.unescape(answer.content.decode())) == (403, True)
    assert anna.get(GUARDED, secure=True).status_code == 302


def test_without_an_enabled_provider_the_page_says_whom_to_ask(provider: IdentityProvider, anna: Client) -> None:
    change(enabled=False)
    page = anna.post(AGAIN, secure=True).content.decode()
    assert "Ask a RootAdmin to enable it" in page
