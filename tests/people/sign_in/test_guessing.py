"""Guessing a password is slow, and keeps nobody out who has signed in here before."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import timezone

from audit.models import Event
from people.models import Guesses, KnownBrowser
from people.sign_in.guessing import MOST_BROWSERS, QUIET, WINDOW, guess_counted, guesses_forget, network_of
from tests import factories
from tests.slow import RUN_SLOW

pytestmark = pytest.mark.django_db
RIGHT = "correct horse battery"


@pytest.fixture(autouse=True)
def ann(site_directory: Path) -> User:
    return factories.root_admin("ann", password=RIGHT)


def sign_in(client: Client, password: str = RIGHT, name: str = "ann", *, address: str = "10.0.0.1") -> Any:
    return client.post("/accounts/login/", {"login": name, "password": password}, secure=True, REMOTE_ADDR=address)


def browser() -> Client:
    """A browser that has signed in, and out again."""
    client = Client()
    assert sign_in(client).status_code == 302
    client.post("/accounts/logout/", secure=True)
    return client


def test_a_thousand_guesses_from_fifty_addresses_neither_get_in_nor_lock_the_administrator_out() -> None:
    """`make test` tries 250 of them."""
    own, checked = browser(), 0
    for number in range(1000 if RUN_SLOW else 250):
        answer = sign_in(Client(), f"guess {number}", address=f"198.51.100.{number % 50}")
        assert answer.status_code == 200
        checked += b"password is wrong" in answer.content
    assert checked == 5
    stranger = sign_in(Client(), address="203.0.113.9")
    assert (stranger.status_code, b"Too many wrong passwords or codes. Wait" in stranger.content) == (200, True)
    assert sign_in(own, address="198.51.100.7").status_code == 302
    sign_ins = Event.objects.filter(action="person.sign-in")
    assert sign_ins.filter(outcome="failed").count() == 5
    assert [event.detail["means"] for event in sign_ins.filter(outcome="refused")] == [[]]


def test_an_account_that_does_not_exist_looks_the_same() -> None:
    answers = [[sign_in(Client(), "x", name, address=f"10.0.0.{number}").content for number in range(7)] for name in ("ann", "nobody")]
    said = [[(b"password is wrong" in content, b"Too many" in content) for content in contents] for contents in answers]
    assert said[0] == said[1] == [(True, False)] * 5 + [(False, True)] * 2


def test_one_address_cannot_guess_at_many_accounts() -> None:
    answers = [sign_in(Client(), "x", f"name{number}").content for number in range(22)]
    assert [b"Too many" in content for content in answers] == [False] * 20 + [True] * 2
    assert sign_in(Client(), address="10.0.0.2").status_code == 302


def test_a_known_browser_has_a_counter_as_strict_as_the_account() -> None:
    own = browser()
    assert [b"Too many" in sign_in(own, "x").content for _ in range(6)] == [False] * 5 + [True]
    assert b"Too many" in sign_in(own).content
    assert sign_in(Client(), address="10.0.0.9").status_code == 302  # the account itself was not counted


def test_a_right_password_is_not_counted() -> None:
    for _ in range(8):
        assert sign_in(Client()).status_code == 302


def test_the_cookie_is_bound_to_account_and_site() -> None:
    own = browser()
    factories.root_admin("ben", password=RIGHT)
    for number in range(5):
        sign_in(Client(), "x", "ben", address=f"10.0.0.{number}")
    assert b"Too many" in sign_in(own, name="ben").content
    name = next(name for name in own.cookies if "browser" in name)
    morsel = own.cookies[name]
    assert (morsel["secure"], morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, True, "Lax", "/")
    own.cookies[name] = morsel.value[:-1] + ("a" if morsel.value[-1] != "a" else "b")
    for number in range(5):
        sign_in(Client(), "x", address=f"10.0.0.{number}")
    assert b"Too many" in sign_in(own).content


def test_of_each_account_ten_browsers_are_known() -> None:
    first = browser()
    for _ in range(MOST_BROWSERS):
        browser()
    assert KnownBrowser.objects.count() == MOST_BROWSERS
    for number in range(5):
        sign_in(Client(), "x", address=f"10.0.0.{number}")
    assert b"Too many" in sign_in(first, address="10.0.0.7").content


@pytest.mark.parametrize(("later", "waits"), [(WINDOW - timedelta(seconds=1), True), (WINDOW, False), (-timedelta(days=1), False)])
def test_a_wait_ends_with_its_time_or_when_the_clock_is_set_back(later: timedelta, waits: bool) -> None:
    now, request = timezone.now(), RequestFactory().get("/")
    for _ in range(5):
        assert guess_counted(request, "ann", address="10.0.0.1", now=now) is None
    wait = guess_counted(request, "ann", address="10.0.0.1", now=now + later)
    assert (wait is not None) == waits
    assert wait is None or wait == timedelta(seconds=1)


def test_counts_that_are_over_are_deleted() -> None:
    now, request = timezone.now(), RequestFactory().get("/")
    guess_counted(request, "ann", address="10.0.0.1", now=now - QUIET - timedelta(seconds=1))
    guess_counted(request, "ben", address="10.0.0.2", now=now)
    assert guesses_forget(now=now) == 2
    assert Guesses.objects.count() == 2


def test_ipv6_is_counted_by_network() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff") != network_of("2001:db8:0:1::1")
    assert network_of("10.0.0.1") == "10.0.0.1"
