"""One's own account: the first password is changed at once, sessions end, and each can be ended."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from people.sign_in.sessions import IDLE, LONGEST
from tests import factories
from web.live import HEADER

pytestmark = pytest.mark.django_db
FIRST, NEXT = "correct horse battery", "another long password"


def signed_in(name: str = "ann", password: str = FIRST) -> Client:
    client = Client()
    assert client.post("/accounts/login/", {"login": name, "password": password}, secure=True).status_code == 302
    return client


def change(client: Client, present: str = FIRST, password: str = NEXT, again: str = "") -> Any:
    return client.post("/account/password/", {"present": present, "password": password, "again": again or password}, secure=True)


@pytest.fixture
def ann(site_directory: Path) -> User:
    return factories.root_admin("ann", password=FIRST)


def test_a_password_that_the_console_wrote_is_changed_first_and_its_file_deleted(site_directory: Path, tmp_path: Path) -> None:
    call_command("reset_admin", "boss")
    file = site_directory / "secrets/boss-password"
    client = signed_in("boss", file.read_text().strip())
    for path in ("/", "/nodes/", "/account/", "/people/"):
        assert client.get(path, secure=True)["Location"] == "/account/password/"
    answer = client.get("/api/v1/nodes/", secure=True)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:trust-zone:password-change-required")
    assert b"Choose a password of your own first" in client.get("/account/password/", secure=True).content
    assert change(client, file.read_text().strip())["Location"] == "/account/?saved"
    assert not file.exists()
    assert b"Password changed" in client.get("/account/?saved", secure=True).content
    assert client.get("/nodes/", secure=True).status_code == 200
    assert signed_in("boss", NEXT).get("/nodes/", secure=True).status_code == 200


def test_a_given_password_file_is_never_touched_and_its_password_may_stay(site_directory: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_text(FIRST)
    call_command("reset_admin", "boss", "--password-file", str(given))
    client = signed_in("boss")
    assert client.get("/nodes/", secure=True).status_code == 200
    assert change(client).status_code == 302
    assert given.read_text() == FIRST


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (("wrong", NEXT), b"not your present password"),
        ((FIRST, FIRST), b"Choose another one"),
        ((FIRST, "short"), b"at least 12 characters"),
        ((FIRST, NEXT, NEXT + "x"), b"The two passwords differ"),
    ],
)
def test_a_password_that_cannot_be_taken_is_explained(ann: User, fields: tuple[str, ...], words: bytes) -> None:
    client = signed_in()
    answer = change(client, *fields)
    assert (answer.status_code, words in answer.content) == (400, True)
    assert signed_in()


def test_a_new_password_ends_the_other_sessions_alone(ann: User) -> None:
    here, elsewhere = signed_in(), signed_in()
    assert change(here).status_code == 302
    assert here.get("/nodes/", secure=True).status_code == 200
    assert elsewhere.get("/nodes/", secure=True).status_code == 302


def test_guessing_the_present_password_is_slow(ann: User) -> None:
    client = signed_in()
    assert [b"Too many wrong passwords" in change(client, "wrong").content for _ in range(6)] == [False] * 5 + [True]


def test_each_session_can_be_ended_and_those_of_others_cannot(ann: User) -> None:
    here, elsewhere = signed_in(), signed_in()
    factories.root_admin("ben", password=FIRST)
    ben = signed_in("ben")
    mine = UserSession.objects.get(session_key=elsewhere.session.session_key)
    others = UserSession.objects.get(session_key=ben.session.session_key)
    assert here.get("/account/", secure=True).content.count(b"this session") == 1
    for row, status in ((mine, 302), (others, 404)):
        assert here.post(f"/account/sessions/{row.pk}/end/", secure=True).status_code == status
    assert elsewhere.get("/nodes/", secure=True).status_code == 302
    assert ben.get("/nodes/", secure=True).status_code == 200


@pytest.mark.parametrize(
    ("key", "ago", "words"),
    [("seen", IDLE, b"after 60 minutes without activity"), ("began", LONGEST, b"a session lasts at most 12 hours")],
)
def test_a_session_ends_by_itself_and_the_page_says_why(ann: User, key: str, ago: timedelta, words: bytes) -> None:
    client = signed_in()
    client.get("/nodes/", secure=True)
    session = client.session
    session[key] = (timezone.now() - ago - timedelta(seconds=1)).timestamp()
    session.save()
    answer = client.get("/nodes/", secure=True, follow=True)
    assert words in answer.content
    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=/nodes/"
    assert words not in signed_in().get("/account/", secure=True).content


def test_a_page_that_asks_again_by_itself_is_no_activity(ann: User) -> None:
    client = signed_in()
    client.get("/nodes/", secure=True)
    session = client.session
    session["seen"] = before = (timezone.now() - IDLE / 2).timestamp()
    session.save()
    client.get("/nodes/", secure=True, headers={HEADER: "true"})
    assert client.session["seen"] == before
    client.get("/nodes/", secure=True)
    assert client.session["seen"] > before


def test_a_session_survives_a_clock_that_is_set_back(ann: User) -> None:
    client = signed_in()
    client.get("/nodes/", secure=True)
    session = client.session
    session["seen"] = session["began"] = (timezone.now() + timedelta(days=1)).timestamp()
    session.save()
    assert client.get("/nodes/", secure=True).status_code == 200
    assert abs(client.session["seen"] - timezone.now().timestamp()) < 60


def test_an_account_without_a_role_reaches_its_own_pages(site_directory: Path) -> None:
    User.objects.create_user("eve", password=FIRST)
    client = signed_in("eve")
    assert client.get("/nodes/", secure=True).status_code == 403
    assert b"None. Ask an administrator" in client.get("/account/", secure=True).content
    assert change(client).status_code == 302


def test_appearance_is_ones_own_and_nonsense_is_refused(ann: User) -> None:
    client, bob = signed_in(), factories.root_admin("bob")
    assert b"that of the browser" in client.get("/account/", secure=True).content
    given = {"time_zone": "Pacific/Auckland", "date_form": "iso", "theme": "dark"}
    for name, wrong, remedy in (
        ("time_zone", "Mars/Olympus", "Europe/Berlin"),
        ("time_zone", "x" * 10_000, "60"),
        ("date_form", "roman", ""),
    ):
        answer = client.post("/account/appearance/", given | {name: wrong}, secure=True)
        assert answer.status_code == 400, name
        assert remedy in answer.content.decode()
        assert "Pacific/Auckland" in answer.content.decode() or name == "time_zone"
    assert client.post("/account/theme/", {"theme": "pink"}, secure=True).status_code == 400
    assert client.post("/account/theme/", secure=True).status_code == 400
    ann.person.refresh_from_db()
    assert (ann.person.time_zone, ann.person.theme) == ("", "auto")
    assert client.post("/account/appearance/", given, secure=True)["Location"] == "/account/?shown"
    shown = client.get("/account/?shown", secure=True).content.decode()
    assert "Saved. All pages use it." in shown
    assert 'data-theme="dark" data-date-form="iso" data-time-zone="Pacific/Auckland"' in shown
    assert client.post("/account/theme/", {"theme": "light"}, secure=True, headers={"HX-Request": "true"}).status_code == 204
    ann.person.refresh_from_db()
    assert (ann.person.time_zone, ann.person.date_form, ann.person.theme) == ("Pacific/Auckland", "iso", "light")
    bob.person.refresh_from_db()
    assert (bob.person.time_zone, bob.person.date_form, bob.person.theme) == ("", "words", "auto")
