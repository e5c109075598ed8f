"""Second factors: added after a first code, used at the sign-in, renamed and removed after a fresh sign-in."""

import json
import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.core import signing
from django.test import Client
from django.utils import timezone

from audit.models import Event
from people.factors.services import KEY_LASTS_S, SALT
from people.models import FactorSecret
from tests import factories
from tests.people.factors.conftest import PAGE, PASSWORD, Person, options_in
from tests.people.factors.keys import code_at, code_now

pytestmark = pytest.mark.django_db


def events(action: str) -> list[dict]:
    return [event.detail for event in Event.objects.filter(action=action).order_by("sequence")]


def test_an_app_is_added_and_asked_for_at_the_next_sign_in(ann: Person) -> None:
    answer = ann.add_app()
    assert (answer.status_code, answer["Cache-Control"], len(ann.codes)) == (200, "no-store", 10)
    assert b"Phone" in ann.get(PAGE).content
    assert events("person.factor-added") == [{"kind": "authenticator app", "name": "Phone"}]
    assert events("person.recovery-codes-made") == [{"codes": 10}]
    ann.sign_out()
    assert ann.password()["Location"] == "/accounts/second-factor/"
    assert not ann.is_signed_in()
    page = ann.get("/accounts/second-factor/").content
    assert (b"Code from your authenticator app" in page, b"Use a passkey" in page) == (True, False)
    assert ann.step(ann.code()).status_code == 302
    assert ann.is_signed_in()
    assert events("person.sign-in")[-1]["means"] == ["password", "totp"]


def test_secrets_are_encrypted_in_the_database_and_go_with_their_factor(ann: Person, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    ann.add_app()
    ann.sign_out()
    ann.password()
    ann.step(ann.codes[0])
    rows = [str(list(model.objects.values())) for model in (Authenticator, FactorSecret, Event)]
    rows += [str([session.get_decoded() for session in Session.objects.all()]), caplog.text]
    assert not [secret for secret in (ann.app, *ann.codes, *(code.replace("-", "") for code in ann.codes)) for row in rows if secret in row]
    kept = {str(key) for key in FactorSecret.objects.values_list("pk", flat=True)}
    assert kept == {row.data.get("secret") or row.data["seed"] for row in Authenticator.objects.all()}
    ann.user.delete()
    assert not FactorSecret.objects.exists()


def test_a_wrong_first_code_keeps_the_key_and_the_name(ann: Person) -> None:
    ann.confirm()
    key, signed = "JBSWY3DPEHPK3PXP", signing.dumps([ann.user.pk, "JBSWY3DPEHPK3PXP"], salt=SALT)
    answer = ann.post(f"{PAGE}app/", {"name": "My phone", "code": "000000x", "key": signed})
    assert answer.status_code == 400
    for text in (b"This code is wrong", b"UTC", b"My phone", b"JBSW Y3DP", signed.encode()):
        assert text in answer.content
    assert not Authenticator.objects.exists()
    assert ann.post(f"{PAGE}app/", {"name": "My phone", "code": code_now(key), "key": signed}).status_code == 200


@pytest.mark.parametrize("whose", ["another", "old", "altered"])
def test_a_key_that_this_page_did_not_make_for_this_person_is_refused(ann: Person, whose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ann.confirm()
    key, now = "JBSWY3DPEHPK3PXP", timezone.now()
    with monkeypatch.context() as then:
        if whose == "old":
            then.setattr("django.core.signing.time.time", lambda: now.timestamp() - KEY_LASTS_S - 1)
        signed = signing.dumps([ann.user.pk + (whose == "another"), key], salt=SALT)
    answer = ann.post(f"{PAGE}app/", {"name": "x", "code": code_at(key, now), "key": signed + ("x" if whose == "altered" else "")})
    assert (answer.status_code, b"scan the new QR code" in answer.content) == (400, True)
    assert b"JBSW" not in answer.content


def test_a_second_app_is_refused(ann: Person) -> None:
    ann.add_app()
    answer = ann.add_app()
    assert (answer.status_code, b"has an authenticator app already" in answer.content) == (400, True)


@pytest.mark.parametrize("path", ["app/", "passkey/", "recovery-codes/", "{pk}/", "{pk}/remove/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_change_asks_for_a_fresh_sign_in(ann: Person, path: str, method: str) -> None:
    ann.add_app()
    ann.sign_out()
    ann.password()
    ann.step(ann.code())
    before = list(Authenticator.objects.values())
    target = PAGE + path.format(pk=Authenticator.objects.get(type="totp").pk)
    answer = getattr(ann, method)(target)
    assert answer.status_code == 302
    if method == "post":
        answer = ann.get(target)
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert list(Authenticator.objects.values()) == before


def test_a_fresh_sign_in_is_a_code_too(ann: Person) -> None:
    ann.add_app()
    ann.sign_out()
    ann.password()
    ann.step(ann.code())
    page = ann.get(f"/accounts/reauthenticate/?next={PAGE}app/").content
    assert b"Use a code" in page
    assert ann.post("/accounts/reauthenticate/code/", {"code": "123456"}).status_code == 200
    assert ann.get(f"{PAGE}app/").status_code == 302
    answer = ann.post("/accounts/reauthenticate/code/", {"code": ann.codes[0], "next": f"{PAGE}app/"})
    assert answer["Location"] == f"{PAGE}app/"
    assert ann.get(f"{PAGE}app/").status_code == 200


def test_a_factor_is_renamed_and_removed_and_its_recovery_codes_go_with_the_last(ann: Person) -> None:
    ann.add_app()
    factor = Authenticator.objects.get(type="totp")
    assert ann.post(f"{PAGE}{factor.pk}/", {"name": ""}).status_code == 400
    assert ann.post(f"{PAGE}{factor.pk}/", {"name": "New <phone>"}).status_code == 302
    assert b"New &lt;phone&gt;" in ann.get(PAGE).content
    assert events("person.factor-renamed") == [{"kind": "authenticator app", "name": "New <phone>", "name_before": "Phone"}]
    assert b"your last second factor" in ann.get(f"{PAGE}{factor.pk}/remove/").content
    assert ann.post(f"{PAGE}{factor.pk}/remove/").status_code == 302
    assert (Authenticator.objects.exists(), FactorSecret.objects.exists()) == (False, False)
    assert events("person.factor-removed") == [{"kind": "authenticator app", "name": "New <phone>"}]
    ann.sign_out()
    assert ann.password()["Location"] == "/"


def test_factors_of_others_are_not_there(ann: Person) -> None:
    ann.add_app()
    other = Person("ben")
    factories.root_admin("ben", password=PASSWORD)
    other.password()
    other.confirm()
    codes = Authenticator.objects.get(type="recovery_codes").pk
    for person, pk in ((other, Authenticator.objects.get(type="totp").pk), (ann, codes), (ann, codes + 99)):
        for path in (f"{PAGE}{pk}/", f"{PAGE}{pk}/remove/"):
            assert person.post(path, {"name": "mine"}).status_code == 404


def test_recovery_codes_work_once_each_and_new_ones_end_the_earlier(ann: Person) -> None:
    ann.add_app()
    first = ann.codes
    ann.sign_out()
    ann.password()
    assert ann.step(f" {first[0].replace('-', ' ')} ").status_code == 302
    assert events("person.recovery-code-used") == [{"left": 9}]
    assert events("person.sign-in")[-1]["means"] == ["password", "recovery code"]
    assert b"9 of 10 left" in ann.get(PAGE).content
    ann.sign_out()
    ann.password()
    assert b"was used already" in ann.step(first[0]).content
    assert ann.step(first[1]).status_code == 302
    ann.confirm()
    assert b"8 that you have left" in ann.get(f"{PAGE}recovery-codes/").content
    ann._codes(ann.post(f"{PAGE}recovery-codes/"))
    assert not set(ann.codes) & set(first)
    ann.sign_out()
    ann.password()
    assert b"This recovery code is wrong" in ann.step(first[2]).content
    assert ann.step(ann.codes[9]).status_code == 302


def test_there_are_no_recovery_codes_without_a_factor(ann: Person) -> None:
    ann.confirm()
    answer = ann.post(f"{PAGE}recovery-codes/")
    assert (answer.status_code, b"Add one first" in answer.content) == (400, True)


def test_a_file_of_recovery_codes_has_all_of_them(ann: Person) -> None:
    shown = ann.add_app().content.decode()
    file = unquote(re.findall(r'href="data:text/plain;charset=utf-8,([^"]+)" download', shown)[0])
    assert re.findall(r"^[\d-]{14}$", file, flags=re.MULTILINE) == ann.codes
    assert "ann" in file


@pytest.mark.parametrize(
    ("steps", "words"),
    [(-1, b""), (0, b""), (1, b""), (2, b"This code is wrong"), (-2, b"1 min old"), (-10, b"5 min old"), (-12, b"This code is wrong")],
)
def test_a_code_counts_for_its_period_and_for_one_before_and_after(ann: Person, steps: int, words: bytes) -> None:
    ann.add_app()
    factor = Authenticator.objects.get(type="totp")
    factor.data["step"] = 0
    factor.save()
    ann.sign_out()
    ann.password()
    answer = ann.step(code_now(ann.app, steps=steps))
    assert (answer.status_code == 302) == (words == b"")
    assert words in answer.content
    assert not words or b"UTC" in answer.content


def test_a_code_works_once_and_stays_used_when_the_clock_is_set_back(ann: Person) -> None:
    ann.add_app()
    ann.sign_out()
    ann.password()
    used = ann.code()
    assert ann.step(used).status_code == 302
    ann.sign_out()
    ann.password()
    assert b"was used already" in ann.step(used).content
    factor = Authenticator.objects.get(type="totp")
    factor.data["step"] += 100
    factor.save()
    assert b"clock of the console was set back" in ann.step(code_now(ann.app)).content
    assert ann.step(ann.codes[0]).status_code == 302


def test_codes_are_guessed_as_slowly_as_passwords_and_a_stranger_keeps_nobody_out(ann: Person) -> None:
    ann.add_app()
    ann.sign_out()
    said = []
    for number in range(8):
        stranger = Person("ann")
        if stranger.password().status_code != 302:
            said.append(b"")
            continue
        said.append(stranger.step(f"{number:06}").content)
    assert [b"This code is wrong" in content for content in said] == [True] * 5 + [False] * 3
    assert [event["means"] for event in events("person.sign-in") if event["means"] == ["totp"]] == [["totp"]] * 5
    assert ann.password().status_code == 302
    assert ann.step(ann.code()).status_code == 302


def test_a_known_browser_has_five_codes_too(ann: Person) -> None:
    ann.add_app()
    ann.sign_out()
    ann.password()
    assert [b"Too many wrong passwords or codes" in ann.step("000000").content for _ in range(6)] == [False] * 5 + [True]
    assert b"Too many" in ann.step(ann.code()).content
    assert not ann.is_signed_in()


def test_the_password_alone_opens_no_page_and_no_operation(ann: Person) -> None:
    ann.add_app()
    ann.sign_out()
    ann.password()
    for path in ("/", "/nodes/", "/account/", PAGE):
        assert ann.get(path)["Location"].startswith("/accounts/login/")
    assert ann.get("/api/v1/nodes/").status_code == 401
    assert ann.get("/accounts/login/")["Location"] == "/accounts/second-factor/"
    assert ann.post("/accounts/logout/").status_code == 302
    assert ann.get("/accounts/login/").status_code == 200


def test_no_code_is_asked_of_somebody_who_gave_no_password(ann: Person) -> None:
    ann.add_app()
    code = ann.code()
    for answer in (
        Client().get("/accounts/second-factor/", secure=True),
        Client().post("/accounts/second-factor/", {"code": code}, secure=True),
    ):
        assert answer["Location"] == "/accounts/login/"


def test_after_a_quarter_of_an_hour_the_password_is_asked_again(ann: Person) -> None:
    ann.add_app()
    ann.sign_out()
    ann.password()
    session = ann.browser.session
    session["account_login"] |= {"initiated_at": (timezone.now() - timedelta(minutes=16)).timestamp()}
    session.save()
    assert ann.step(ann.code())["Location"] == "/accounts/login/"


@pytest.mark.parametrize("code", ["", " ", "x", "1" * 41, "12345", "１２３４５６", "💥", "0000-0000-0000", "000000\x00"])
def test_whatever_is_typed_as_a_code_is_refused_with_words(ann: Person, code: str) -> None:
    ann.add_app()
    ann.sign_out()
    ann.password()
    answer = ann.step(code)
    assert (answer.status_code, b'class="wrong"' in answer.content) == (200, True)


def test_a_passkey_is_a_second_factor_and_enough_alone(ann: Person) -> None:
    assert ann.add_passkey().status_code == 200
    assert events("person.factor-added") == [{"kind": "passkey", "name": "Key"}]
    ann.sign_out()
    ann.password()
    page = ann.get("/accounts/second-factor/").content.decode()
    assert (">Recovery code<" in page, "authenticator app" in page) == (True, False)
    asked = options_in(page)
    assert ann.post("/accounts/second-factor/", {"credential": json.dumps(ann.passkey.used(asked))}).status_code == 302
    assert events("person.sign-in")[-1]["means"] == ["password", "passkey"]
    ann.sign_out()
    assert b"Use a passkey" in ann.get("/accounts/login/").content
    asked = ann.get("/accounts/passkey/", headers={"Accept": "application/json"}).json()["request_options"]
    assert (asked["publicKey"]["rpId"], asked["publicKey"]["userVerification"]) == ("testserver", "required")
    answer = ann.post("/accounts/passkey/", {"credential": json.dumps(ann.passkey.used(asked)), "next": "/nodes/"})
    assert answer["Location"] == "/nodes/"
    assert events("person.sign-in")[-1]["means"] == ["passkey"]


def test_a_fresh_sign_in_is_a_passkey_too(ann: Person) -> None:
    ann.add_passkey()
    ann.sign_out()
    asked = ann.get("/accounts/passkey/", headers={"Accept": "application/json"}).json()["request_options"]
    ann.post("/accounts/passkey/", {"credential": json.dumps(ann.passkey.used(asked))})
    assert ann.get(f"{PAGE}app/").status_code == 302
    path = f"/accounts/reauthenticate/passkey/?next={PAGE}app/"
    assert b"Use a passkey" in ann.get(f"/accounts/reauthenticate/?next={PAGE}app/").content
    asked = options_in(ann.get(path).content.decode())
    refused = ann.post(path, {"credential": json.dumps(ann.passkey.used(asked, origin="https://evil.example"))})
    assert (refused.status_code, b"was not accepted" in refused.content) == (200, True)
    asked = options_in(ann.get(path).content.decode())
    assert ann.post(path, {"credential": json.dumps(ann.passkey.used(asked))})["Location"] == f"{PAGE}app/"
    assert ann.get(f"{PAGE}app/").status_code == 200


@pytest.mark.parametrize("wrong", ["replayed", "origin", "no PIN", "another key", "signature"])
def test_a_passkey_that_proves_nothing_is_refused(ann: Person, wrong: str) -> None:
    ann.add_passkey()
    ann.sign_out()

    def asked() -> dict:
        return ann.get("/accounts/passkey/", headers={"Accept": "application/json"}).json()["request_options"]

    options = asked()
    match wrong:
        case "origin":
            answer = ann.passkey.used(options, origin="https://evil.example")
        case "no PIN":
            answer = ann.passkey.used(options, flags=1)
        case "another key":
            other = Person().passkey
            other.user = ann.passkey.user
            answer = other.used(options)
        case _:
            answer = ann.passkey.used(options)
    if wrong == "replayed":
        asked()
    if wrong == "signature":
        answer["response"]["signature"] = answer["response"]["clientDataJSON"]
    assert ann.post("/accounts/passkey/", {"credential": json.dumps(answer)})["Location"] == "/accounts/login/"
    assert b"This passkey was not accepted" in ann.get("/accounts/login/").content
    assert b"This passkey was not accepted" not in ann.get("/accounts/login/").content
    assert not ann.is_signed_in()
    failed = Event.objects.filter(action="person.sign-in", outcome="failed").get()
    assert (failed.detail["means"], failed.actor) == (["passkey"], "ann")


MALFORMED = [
    "",
    "x",
    "5",
    "[]",
    "{}",
    '"x"',
    "null",
    '{"id": 1}',
    '{"response": 5}',
    '{"id": "a", "rawId": "a", "type": "public-key", "response": []}',
]


@pytest.mark.parametrize("credential", MALFORMED)
def test_a_malformed_answer_of_a_browser_is_refused(ann: Person, credential: str) -> None:
    ann.add_passkey()
    answer = ann.post(f"{PAGE}passkey/", {"name": "x", "credential": credential})
    assert (answer.status_code, b'class="wrong"' in answer.content) == (400, True)
    assert ann.post("/accounts/reauthenticate/passkey/", {"credential": credential}).status_code == 200
    ann.sign_out()
    assert ann.post("/accounts/passkey/", {"credential": credential})["Location"] == "/accounts/login/"
    ann.password()
    assert ann.post("/accounts/second-factor/", {"credential": credential}).status_code == 200


def test_a_new_passkey_must_know_its_person_and_be_made_for_this_site(ann: Person) -> None:
    for options in ({"flags": 1}, {"origin": "https://evil.example"}):
        answer = ann.add_passkey(**options)
        assert (answer.status_code, b"was not accepted" in answer.content) == (400, True)
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    ("host", "possible"), [("10.0.0.5", False), ("10.0.0.5:8443", False), ("[fd00::5]:8443", False), ("console.corp.example:8443", True)]
)
def test_the_pages_say_that_passkeys_need_a_host_name(ann: Person, host: str, possible: bool, settings) -> None:
    settings.QMC_ALLOWED_HOSTS = ["*"]
    ann.confirm()
    for path in (PAGE, f"{PAGE}passkey/"):
        assert (b"by its IP address" in ann.get(path, HTTP_HOST=host).content) == (not possible)
    ann.sign_out()
    assert (b"Use a passkey" in ann.get("/accounts/login/", HTTP_HOST=host).content) == possible
