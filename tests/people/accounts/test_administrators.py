"""Administrators: who can sign in, and resetting a lost password."""

import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from audit.models import Event
from people.accounts.administrators import sign_in_words
from people.models import ApiToken
from tests import factories

GIVEN = "a password that was given"


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    call_command("reset_admin", *words)
    return capsys.readouterr().out


def password_in(file: Path) -> str:
    return file.read_text().strip()


def test_a_lost_password_is_replaced_and_sessions_end(site_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    user = factories.root_admin("boss", password="correct horse battery")
    client = Client()
    client.force_login(user)
    ApiToken.objects.create(user=user, name="script", digest="0" * 64, created_at=datetime.now(UTC))
    assert client.get("/", secure=True).status_code == 200
    out = run(capsys=capsys)  # the only one: no name is needed
    file = site_directory / "secrets/boss-password"
    user.refresh_from_db()
    assert user.check_password(password_in(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert password_in(file) not in out
    assert "user boss, password in" in out
    assert "All sessions of boss are signed out" in out
    assert "1 API token of boss still work" in out
    assert client.get("/", secure=True).status_code == 302
    assert sign_in_words() == f"user boss, password in {file}"
    event = Event.objects.get(action="administrator.reset")
    assert event.detail == {"name": "boss", "existed": True}
    first = password_in(file)
    run("boss", capsys=capsys)
    assert password_in(file) != first


def test_a_given_password_is_used_and_older_files_are_deleted(
    site_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("boss", capsys=capsys)
    (tmp_path / "given").write_text(f"{GIVEN}\n")
    User.objects.update(is_active=False)
    User.objects.get(username="boss").groups.clear()
    out = run("boss", "--password-file", str(tmp_path / "given"), capsys=capsys)
    boss = User.objects.get(username="boss")
    assert boss.check_password(GIVEN)
    assert boss.is_active
    assert boss.has_perm("people.change_person")
    assert GIVEN not in out
    assert not (site_directory / "secrets/boss-password").exists()
    assert sign_in_words() == "user boss, with the password set before. Lost password: python manage.py reset_admin boss"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "several administrators: boss, chief"),
        (("no/name",), "valid username"),
        (("x" * 151,), "150 characters"),
        (("",), "blank"),
        (("boss", "--password-file", "short"), "at least 12 characters"),
        (("boss", "--password-file", "missing"), "missing"),
        (("boss", "--password-file", "binary"), "not text"),
    ],
)
def test_a_refusal_changes_nothing(
    words: tuple[str, ...], why: str, site_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short").write_text("short")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    for name in ("boss", "chief"):
        factories.root_admin(name, password=GIVEN)
    before = set(User.objects.values_list("username", "password"))
    with pytest.raises(CommandError, match=re.escape(why)):
        call_command("reset_admin", *words)
    assert set(User.objects.values_list("username", "password")) == before
    assert not list((site_directory / "secrets").glob("*-password"))


def test_init_says_when_the_administrator_it_was_given_changed_nothing(site_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("init")
    assert f"Sign in:  user admin, password in {site_directory}/secrets/admin-password" in capsys.readouterr().out
    call_command("init", "--admin", "boss")
    out = capsys.readouterr().out
    assert "Warning: There is an administrator already (admin)" in out
    assert "reset_admin NAME" in out
    (site_directory / "secrets/admin-password").unlink()  # as after a restore
    call_command("init")
    assert "Sign in:  user admin, with the password set before" in capsys.readouterr().out
    assert [user.username for user in User.objects.all()] == ["admin"]


def test_without_an_administrator_the_command_that_makes_one_is_named(site_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "reset_admin admin" in sign_in_words()
    assert "user admin, password in" in run(capsys=capsys)
    assert "It is a new administrator" in run("Admin", capsys=capsys)  # names are case-sensitive


def test_the_sign_in_page_explains_a_lost_password(site_directory: Path) -> None:
    assert b"reset_admin" in Client().get("/accounts/login/", secure=True).content


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", "a\0"])
def test_a_token_has_a_name_that_can_be_shown_and_stored(name: str, site_directory: Path) -> None:
    User.objects.create_user("reader")
    with pytest.raises(CommandError, match="1 to 100 printable characters"):
        call_command("create_token", "reader", "--name", name)
    assert not ApiToken.objects.exists()
