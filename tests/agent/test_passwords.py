"""Passwords on the setup page: tried at once, held, counted, paused, also beside packages of unknown senders."""

import base64
import dataclasses
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from agent import passwords, waiting
from agent.state import MOST_WRONG, PAUSE, State
from pki.core.errors import WrongPassword
from pki.exchange import package as packages
from pki.exchange import package_header, password
from tests.agent.pages import Pages


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """A page that answers when it knows the result of a password."""
    monkeypatch.setattr(passwords, "ANSWER_S", 60)
    pages = Pages(tmp_path / "home")
    yield pages
    pages.stop()


@pytest.fixture(scope="module")
def sealed(package) -> tuple[bytes, str]:
    typed = password.generate()
    return packages.seal_with_password(package, typed), typed


@pytest.fixture(scope="module")
def unknown_packages(package) -> Callable[[], bytes]:
    """A package of an unknown sender, each with another tag and an unknown password."""
    head, rest = packages.seal_with_password(package, password.generate()).split(b".", 1)
    header = json.loads(package_header.decoded(head))

    def make() -> bytes:
        changed = header | {name: package_header.encoded(secrets.token_bytes(16)) for name in ("p2s", "kid")}
        return package_header.encoded(json.dumps(changed).encode()).encode() + b"." + rest

    return make


def copied(sealed: bytes) -> bytes:
    """The true header with another content, as an eavesdropper could send it."""
    head, _, *rest = sealed.split(b".")
    return b".".join([head, package_header.encoded(secrets.token_bytes(40)).encode(), *rest])


def wait_until(true: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_tag_is_hkdf_of_the_symbols_with_the_packages_salt(sealed: tuple[bytes, str]) -> None:
    """Computed again with HMAC (RFC 5869), and the package decrypted by another implementation."""
    content, typed = sealed
    header = json.loads(base64.urlsafe_b64decode(content.split(b".")[0] + b"=="))
    salt = base64.urlsafe_b64decode(header["p2s"] + "==")
    extracted = hmac.digest(salt, typed.encode(), hashlib.sha256)
    tag = hmac.digest(extracted, package_header.TAG_PURPOSE + b"\1", hashlib.sha256)[:16]
    assert base64.urlsafe_b64decode(header["kid"] + "==") == tag
    opened = jwe.decrypt_compact(content, OctKey.import_key(typed), registry=packages._registry(package_header.BY_PASSWORD))
    assert json.loads(opened.plaintext or b"")["version"] == packages.VERSION
    assert typed.encode() not in content


def test_the_right_password_is_accepted_at_once_beside_other_packages(pages: Pages, sealed, unknown_packages) -> None:
    for _ in range(20):
        assert pages.send(unknown_packages())[0] == 200
        assert pages.send(copied(sealed[0]))[0] == 200
    assert pages.send(sealed[0])[0] == 200
    assert "packages are waiting" in pages.page()
    status, page = pages.type(password.display(sealed[1]))
    assert (status, "has joined the trust zone" in page) == (200, True)
    assert pages.unlocked.wait(2)
    assert pages.state.wrong_passwords(datetime.now(UTC)) == 0


def test_a_password_is_held_until_its_package_arrives_and_the_page_follows(
    pages: Pages, sealed, unknown_packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "ANSWER_S", 0.5)
    pages.send(unknown_packages())
    for _ in range(5):
        pages.send(copied(sealed[0]))
    status, page = pages.type(sealed[1])
    assert (status, "for up to 60 seconds" in page) == (202, True)
    wait_until(lambda: len(pages.status()["waiting"]) == 1)  # what had the copied header was dropped alone
    assert "has not arrived yet" in pages.page()
    assert "Password from the console" in pages.page("?another")
    for _ in range(3):
        pages.send(copied(sealed[0]))
    pages.send(sealed[0])
    wait_until(lambda: "has joined the trust zone" in pages.page())
    assert pages.unlocked.wait(2)


def test_two_windows_both_show_the_password_that_installed(pages: Pages, sealed, unknown_packages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "ANSWER_S", 0.2)
    pages.send(unknown_packages())
    assert [pages.type(sealed[1])[0], pages.type(password.generate())[0]] == [202, 202]
    pages.send(sealed[0])
    wait_until(lambda: not pages.passwords.held_s())
    assert "has joined the trust zone" in pages.page()


def test_a_wrong_password_counts_once_after_it_was_held(pages: Pages, sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "ANSWER_S", 0.5)
    pages.send(sealed[0])
    typed = password.generate()
    monkeypatch.setattr(passwords, "HELD_S", 2)
    for _ in range(2):
        assert pages.type(typed)[0] == 202
        wait_until(lambda: not pages.passwords.held_s())
        assert "Wrong password 1 of 10" in pages.page()
    assert pages.status()["wrong_passwords"] == 1
    assert pages.type(typed[:-1] + ("0" if typed[-1] != "0" else "1"))[0] == 400
    assert State(pages.home).wrong_passwords(datetime.now(UTC)) == 1  # as after a restart
    monkeypatch.setattr(passwords, "ANSWER_S", 60)
    assert pages.type(sealed[1])[0] == 200
    assert pages.state.wrong_passwords(datetime.now(UTC)) == 0


def test_ten_wrong_passwords_pause_the_page_and_drop_nothing(pages: Pages, sealed, tmp_path: Path) -> None:
    pages.send(sealed[0])
    for _ in range(MOST_WRONG):
        pages.state.count_wrong_password(datetime.now(UTC))
    status, page = pages.type(password.generate())
    assert (status, "pauses for 10 min" in page) == (429, True)
    assert "pauses for 10 min" in pages.page()
    status = pages.status()
    assert (status["wrong_passwords"], status["waiting"], status["refused"]) == (10, [packages.digest(sealed[0])], [])
    assert datetime.fromisoformat(status["paused_until"]) > datetime.now(UTC) + PAUSE - timedelta(minutes=1)
    assert pages.type(sealed[1])[0] == 200


def test_at_most_as_many_passwords_are_held_as_may_be_wrong(pages: Pages, sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "ANSWER_S", 0.05)
    pages.send(sealed[0])
    words = [password.generate() for _ in range(MOST_WRONG + 1)]
    assert [pages.type(typed)[0] for typed in words[:-1]] == [202] * MOST_WRONG
    monkeypatch.setattr(passwords, "ANSWER_S", 60)
    status, page = pages.type(words[-1])
    assert (status, "Try again in a minute" in page) == (429, True)
    assert pages.status()["wrong_passwords"] == 0
    assert pages.type(sealed[1])[0] == 200


def test_a_pause_resets_the_count_and_no_clock_extends_it(tmp_path: Path) -> None:
    state, now = State(tmp_path), datetime.now(UTC)
    counts = [state.count_wrong_password(now) for _ in range(MOST_WRONG)]
    assert counts == list(range(1, MOST_WRONG + 1))
    last = now + PAUSE - timedelta(seconds=1)
    assert (state.paused_until(last), state.wrong_passwords(last)) == (now + PAUSE, MOST_WRONG)
    for later in (now + PAUSE, now - timedelta(days=1)):  # over, and a clock that was set back
        assert (state.paused_until(later), state.wrong_passwords(later)) == (None, 0)
    assert state.count_wrong_password(now + PAUSE) == 1
    assert state.wrong_passwords(now + PAUSE) == 1


def test_the_terminal_waits_and_never_pauses(tmp_path: Path, sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HELD_S", 0.2)
    state, messages = State(tmp_path), list[str]()
    for _ in range(MOST_WRONG + 1):
        with pytest.raises(WrongPassword, match="opens no waiting package"):
            passwords.unlock(state, password.generate(), report=messages.append)
    assert "Waiting for it" in messages[0]
    assert state.wrong_passwords(datetime.now(UTC)) == 0
    state.accept(sealed[0], source="127.0.0.1", now=datetime.now(UTC))
    assert passwords.unlock(state, sealed[1], report=messages.append).host_name == "rim1.example"


def test_the_number_of_packages_is_limited_and_a_sender_replaces_its_own(
    tmp_path: Path, sealed, unknown_packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING", 8)
    state, now = State(tmp_path), datetime.now(UTC)
    state.accept(sealed[0], source="10.0.0.1", now=now)
    for number in range(40):
        state.accept(unknown_packages(), source=f"10.0.0.{2 + number % 3}", now=now + timedelta(seconds=number))
    kept = state.waiting()
    assert len(kept) == 8
    assert packages.digest(sealed[0]) in {sealed_package.digest for sealed_package in kept}


def untagged(package, typed: str) -> bytes:
    """A package of an older central node, without a tag."""
    protected = packages._header(package, package_header.BY_PASSWORD) | {"p2c": package_header.ITERATIONS}
    key, registry = OctKey.import_key(typed), packages._registry(package_header.BY_PASSWORD)
    return jwe.encrypt_compact(protected, packages._to_json(package), key, registry=registry).encode()


def test_a_package_of_an_older_central_node_is_opened_last_and_few_are_kept(pages: Pages, package, unknown_packages) -> None:
    typed = password.generate()
    old = untagged(package, typed)
    others = [untagged(dataclasses.replace(package, generation=number), password.generate()) for number in range(2, 8)]
    for sealed_package in (*others, unknown_packages(), old):
        assert pages.send(sealed_package)[0] == 200
    assert len(pages.status()["waiting"]) == waiting.MOST_UNTAGGED + 1
    assert pages.type(typed)[0] == 200
