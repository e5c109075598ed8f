"""Tables and properties of small rules."""

import base64
import json
import re
import secrets
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki.core import lifetime, names, sealing
from pki.core.database_key import DatabaseKey
from pki.core.errors import Altered, InvalidName, PackageMalformed, PasswordMistyped, UnknownKey, WrongPassword
from pki.core.lifetime import ExpiryStatus
from pki.exchange import package as packages
from pki.exchange import package_header, password


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b.example", "rim1.example\n", "*.example", "a_b.example", "https://rim1", "rim1:4444", "10.0.0.1", "::1", "[::1]",
     "x" * 64 + ".example", ".".join(["abcdefg"] * 9), "-a.example", "a-.example", "a..example", "a.example.", "rim.1", "ä.example", "a\0b"],
)  # fmt: skip
def test_host_name_refuses(name: str) -> None:
    with pytest.raises(InvalidName, match=r"\."):
        names.host_name(name)


@pytest.mark.parametrize("name", ["rim1", "RIM1.Example", "a-b.c1.example", "1rim.example", "x" * 63])
def test_host_name_accepts_unchanged(name: str) -> None:
    assert names.host_name(name) == name


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [("2027-01-31", 1, "2027-02-28"), ("2028-01-31", 1, "2028-02-29"), ("2028-02-29", 12, "2029-02-28"),
     ("2026-11-24", 60, "2031-11-24"), ("2026-12-31", 2, "2027-02-28"), ("2026-10-31", 14, "2027-12-31")],
)  # fmt: skip
def test_calendar_months(start: str, months: int, end: str) -> None:
    assert lifetime.add_months(datetime.fromisoformat(start), months) == datetime.fromisoformat(end)


@pytest.mark.parametrize(("asked", "set_to"), [(-1, 12), (0, 12), (11, 12), (12, 12), (37, 37), (60, 60), (61, 60), (10**30, 60)])
def test_lifetime_is_limited(asked: int, set_to: int) -> None:
    assert lifetime.clamp(asked) == set_to


def test_expiry_status_at_its_limits() -> None:
    start, end, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC), timedelta(seconds=1)
    moments = [start - second, start, end - timedelta(days=90) - second, end - timedelta(days=90), end, end + second]
    assert [lifetime.expiry_status(start, end, moment) for moment in moments] == [
        ExpiryStatus.NOT_YET_VALID, ExpiryStatus.VALID, ExpiryStatus.VALID, ExpiryStatus.EXPIRING, ExpiryStatus.EXPIRING, ExpiryStatus.EXPIRED,
    ]  # fmt: skip


START, SECOND = datetime(2026, 11, 24, tzinfo=UTC), timedelta(seconds=1)


@pytest.mark.parametrize(
    ("left", "name"),
    [(-SECOND, "expired"), (timedelta(0), "7_days"), (timedelta(days=7) - SECOND, "7_days"), (timedelta(days=7), "30_days"),
     (timedelta(days=30), "90_days"), (timedelta(days=90), "1_year"), (timedelta(days=365) - SECOND, "1_year"), (timedelta(days=365), "later")],
)  # fmt: skip
def test_buckets_at_their_limits(left: timedelta, name: str) -> None:
    assert lifetime.bucket(START + left, START) == name
    assert name in lifetime.BUCKET_NAMES


@pytest.mark.parametrize(
    ("life", "months", "issuer", "expected"),
    [
        pytest.param(12, 12, 60, None, id="at two thirds of its life"),
        pytest.param(60, 12, 120, "2030-12-24", id="a shorter lifetime waits until it gains 30 days"),
        pytest.param(60, 60, 60, "never", id="its issuer ends with it"),
        pytest.param(60, 60, 61, None, id="its issuer leaves 30 days"),
    ],
)
def test_when_a_leaf_is_replaced(life: int, months: int, issuer: int, expected: str | None) -> None:
    end = lifetime.add_months(START, life) - SECOND
    at = lifetime.replaced_at(START, end, 0, months=months, issuer_not_after=lifetime.add_months(START, issuer))
    if expected == "never":
        assert at is None
    else:
        assert at is not None
        assert at.date().isoformat() == (expected or lifetime.renewal_at(START, end, 0).date().isoformat())


@given(st.integers(0, 3000), st.integers(30, 2000), st.integers(12, 60), st.integers(0, 0xFFFF))
def test_a_replacement_is_worth_it_when_it_is_due(start: int, days: int, months: int, serial: int) -> None:
    begin, forever = START + timedelta(days=start), START + timedelta(days=10_000)
    end = begin + timedelta(days=days)
    at = lifetime.replaced_at(begin, end, serial, months=months, issuer_not_after=forever)
    assert at is not None
    assert at >= lifetime.renewal_at(begin, end, serial)
    gained = lifetime.validity(now=at, months=months, issuer_not_after=forever).not_after
    assert lifetime.is_worth_renewing(end, new_not_after=gained)


@pytest.mark.parametrize(
    ("days", "due"),
    [(1826, 1217.33), (365, 243.33), (270, 180), (269, 179), (120, 30), (91, 1), (90, 0), (30, 0)],
    ids=lambda value: str(value),
)  # fmt: skip
def test_when_a_certificate_is_due(days: int, due: float) -> None:
    """At two thirds of its lifetime, or 90 days before its expiry date if that is sooner, and never before its first day."""
    start = datetime(2026, 11, 24, tzinfo=UTC)
    assert (lifetime.due_at(start, start + timedelta(days=days)) - start).total_seconds() / 86400 == pytest.approx(due, abs=0.01)


@given(st.integers(31, 1900), st.integers(1, 2**127))
def test_renewals_spread_over_a_24th_of_the_lifetime_and_are_deterministic(days: int, serial: int) -> None:
    start, end = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC) + timedelta(days=days)
    at, due = lifetime.renewal_at(start, end, serial), lifetime.due_at(start, end)
    assert due <= at < due + min((end - start) / 24, timedelta(days=14))
    assert at == lifetime.renewal_at(start, end, serial)
    assert at < end


def test_neighbouring_serials_are_renewed_on_different_days() -> None:
    start = datetime(2026, 11, 24, tzinfo=UTC)
    days = {lifetime.renewal_at(start, start + timedelta(days=1826), secrets.randbits(127)).date() for _ in range(500)}
    assert len(days) >= 14


@pytest.mark.parametrize(("gain", "worth"), [(-400, False), (0, False), (29, False), (30, True), (1000, True)])
def test_nothing_is_renewed_for_less_than_30_days_gain(gain: int, worth: bool) -> None:
    end = datetime(2031, 1, 1, tzinfo=UTC)
    assert lifetime.is_worth_renewing(end, new_not_after=end + timedelta(days=gain)) is worth


def test_a_certificate_cut_by_its_issuer_waits_for_a_newer_root() -> None:
    now, root_end = datetime(2030, 11, 24, tzinfo=UTC), datetime(2031, 11, 24, tzinfo=UTC)
    cut = lifetime.validity(now=now, months=60, issuer_not_after=root_end)
    later = now + timedelta(days=300)
    assert cut.cut
    assert lifetime.due_at(cut.not_before, cut.not_after) < later
    same = lifetime.validity(now=later, months=60, issuer_not_after=root_end)
    younger = lifetime.validity(now=later, months=60, issuer_not_after=lifetime.add_months(later, 60))
    assert not lifetime.is_worth_renewing(cut.not_after, new_not_after=same.not_after)
    assert lifetime.is_worth_renewing(cut.not_after, new_not_after=younger.not_after)


@given(st.integers(0, 24), st.sampled_from(password.ALPHABET))
def test_one_mistyped_symbol_is_detected(position: int, symbol: str) -> None:
    good = password.generate()
    typed = good[:position] + symbol + good[position + 1 :]
    if typed == good:
        assert password.canonical(typed) == good
    else:
        with pytest.raises(PasswordMistyped):
            password.canonical(typed)


def test_password_is_read_as_people_type() -> None:
    good = password.generate()
    shown = password.display(good)
    assert len(shown.split("-")) == 5
    assert password.canonical(f" {shown.lower().replace('0', 'o').replace('1', 'l').replace('-', ' ')} ") == good
    for bad in ("", "x", good + "0", good[:-1], "ä" * 25, "U" * 25):
        with pytest.raises(PasswordMistyped):
            password.canonical(bad)


KEY = DatabaseKey(b"k" * 32)


SEPARATORS = [
    " ", "\u00a0", "\u2009", "\u3000", "\t", "\r\n", "\n", "\0", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u2060", "\u202e", "\ufe0f", "\u3164",
    "-", "–", "—", "‑", "‐", "−", "⁃", "－", "_", "\"", "'", "“", "”", "„", "«", "»", "`", "´", ".", ",", ";", ":", "/", "|", "·",
]  # fmt: skip
FORMS = [str, str.lower, lambda symbol: chr(ord(symbol) + 0xFEE0), lambda symbol: {"0": "o", "1": "l"}.get(symbol, symbol)]


@given(st.lists(st.tuples(st.sampled_from(FORMS), st.lists(st.sampled_from(SEPARATORS), max_size=3)), min_size=25, max_size=25))
def test_pasted_passwords_are_accepted(pasted: list) -> None:
    good = password.generate()
    typed = "".join("".join(beside) + form(symbol) for symbol, (form, beside) in zip(good, pasted, strict=True))
    assert password.canonical(f"\ufeff“{typed}”\r\n") == good


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_typed_text_is_a_password_or_an_error(typed: str) -> None:
    """A character that passwords do not have is named with its position. Only symbols are counted."""
    try:
        assert len(password.canonical(typed)) == password.LENGTH
        return
    except PasswordMistyped as exc:
        problem = str(exc)
    named = re.match(r"Character (\d+), (?:“(.)” )?\(?(.+?)\)?, does not occur", problem, re.DOTALL)
    counted = re.search(r"\. (\d+) were typed", problem)
    if named:
        character = typed[int(named[1]) - 1]
        assert named[3] == unicodedata.name(character, f"U+{ord(character):04X}")
    elif counted:
        assert int(counted[1]) == sum(character.isalnum() for character in unicodedata.normalize("NFKC", typed))
    else:
        assert "check symbol" in problem


@given(st.binary(max_size=200), st.text(max_size=10), st.integers(0, 250), st.integers(1, 255))
def test_an_altered_or_moved_value_is_not_decrypted(plaintext: bytes, row: str, position: int, change: int) -> None:
    place = sealing.bound_to("table", "column", row)
    sealed = sealing.seal(KEY, plaintext, bound_to=place)
    assert sealing.unseal([DatabaseKey(b"o" * 32), KEY], sealed, bound_to=place) == plaintext
    with pytest.raises(Altered):
        sealing.unseal([KEY], sealed, bound_to=sealing.bound_to("table", "column", row + "x"))
    altered = bytearray(sealed)
    altered[position % len(sealed)] ^= change
    with pytest.raises((Altered, UnknownKey)):
        sealing.unseal([KEY], bytes(altered), bound_to=place)
    with pytest.raises((Altered, UnknownKey)):
        sealing.unseal([KEY], sealed[:-1], bound_to=place)


def test_secrets_stay_out_of_representations(package) -> None:
    assert "kkkk" not in repr(KEY)
    assert "PRIVATE KEY" not in repr(package)


@pytest.fixture(scope="module")
def sealed(package) -> tuple[bytes, str]:
    typed = password.generate()
    return packages.seal_with_password(package, typed), typed


def test_only_its_password_opens_a_package(package, sealed) -> None:
    content, typed = sealed
    assert packages.Opener(typed).open(content) == package
    claims = package_header.read(content).claims
    assert (claims.central_name, claims.generation, claims.expires_at) == ("central.example", 1, package.expires_at)
    with pytest.raises(WrongPassword):
        packages.Opener(password.generate()).open(content)
    flipped = bytearray(content)
    flipped[-40] = ord("A") if flipped[-40] != ord("A") else ord("B")
    with pytest.raises(WrongPassword):
        packages.Opener(typed).open(bytes(flipped))


def with_header(content: bytes, **changes: object) -> bytes:
    head, rest = content.split(b".", 1)
    header = json.loads(base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4))) | changes
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=") + b"." + rest


@pytest.mark.parametrize(
    "change",
    [{"p2c": 199_999}, {"p2c": 10**9}, {"p2c": True}, {"p2c": "200000"}, {"zip": "DEF"}, {"alg": "dir"}, {"alg": "PBES2-HS256+A128KW"},
     {"enc": "A128GCM"}, {"generation": "1"}, {"expires_at": "never"}, {"expires_at": "2026-01-01"}, {"trust_zone": 3},
     {"central_name": "\ud800"}, {"central_name": "a" * 100_000}, {"central_name": "a\0b"}, {"central_name": "\x1b[2J"}, {"central_name": None},
     {"central_name": ["central.example"]}, {"trust_zone": "x" * 65}, {"trust_zone": "<b>"}, {"trust_zone": ""}, {"root_sha256": "AB" * 32},
     {"root_sha256": "ab" * 31}, {"generation": True}, {"generation": 0}, {"generation": -1}, {"generation": 2**31}, {"generation": 1.0},
     {"expires_at": "0001-01-01T00:00:00+23:59"}, {"expires_at": "9999-12-31T23:59:59-23:59"}, {"expires_at": "1969-12-31T23:59:59+00:00"},
     {"expires_at": 4e9}, {"expires_at": "2030-01-01T00:00:00+00:00" + " " * 40}, {"p2s": "short"}, {"p2s": "a" * 5000}, {"p2s": 7}, {"p2s": "a+/=" * 5}],
    ids=lambda change: ascii(change)[:60],
)  # fmt: skip
def test_package_of_another_form_is_refused_before_deriving(change: dict, sealed) -> None:
    with pytest.raises(PackageMalformed):
        package_header.read(with_header(sealed[0], **change))


@pytest.mark.parametrize("content", [b"", b"....", b"{}", b"x" * 70_000, b"\xff\xfe.a.b.c.d", b"W10.a.b.c.d"])
def test_arbitrary_bytes_are_not_a_package(content: bytes) -> None:
    with pytest.raises(PackageMalformed):
        package_header.read(content)
