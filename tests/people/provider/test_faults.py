"""What can fail on the way to the provider and back. Each fault is a page with the next step, and never an internal error."""

import html
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.auth.models import User
from django.test import Client

from audit.models import Event
from outbound import http
from people.provider import discovery, endings, flow
from people.provider.failures import FAILURES
from pki.core.roles import Kind
from sitekit.authority import Authority, make_authority
from tests import factories
from tests.identity_provider import CALLBACK, CLIENT, SECRET, IdentityProvider, at_provider, identity_provider, leave, sign_in
from tests.people.provider.conftest import change

HTML = {"Accept": "text/html"}


def refused(answer: Any, code: str) -> str:
    """The page of this failure. Nobody is signed in."""
    page = html.unescape(answer.content.decode())
    assert answer.status_code == FAILURES[code].status, page[-2000:]
    assert FAILURES[code].title in page
    assert FAILURES[code].remedy in page
    assert not User.objects.filter(username="anna").exists()
    return page


def recorded() -> dict[str, Any]:
    event = Event.objects.filter(action="person.sign-in").first()
    assert event is not None
    return dict(event.detail)


def begun(**headers: str) -> Any:
    return Client().post("/accounts/provider/", secure=True, headers=headers or HTML)


# What the discovery document says → what the event says.
DOCUMENTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no JSON": (lambda document: "<html>Welcome</html>", "answered no JSON"),
    "no object": (lambda document: [document], "JSON that is no object"),
    "nested without an end": (lambda document: "[" * 60_000, "answered no JSON"),
    "very large": (lambda document: document | {"x": "y" * 100_000}, "more than 64 KiB"),
    "another issuer": (lambda document: document | {"issuer": "https://evil.example"}, "names “https://evil.example”"),
    "no issuer": (lambda document: document | {"issuer": None}, "names no issuer"),
    "an issuer that is no text": (lambda document: document | {"issuer": "\0\ud800"}, "names “\ufffd\ufffd”"),
    "no token address": (lambda document: document | {"token_endpoint": None}, "no usable address as token_endpoint"),
    "a number as address": (lambda document: document | {"jwks_uri": 7}, "no usable address as jwks_uri"),
    "a script as address": (lambda document: document | {"authorization_endpoint": "javascript:alert(1)"}, "no usable address as authorization"),
    "another host": (lambda document: document | {"token_endpoint": "https://evil.example/token"}, "on another host as token_endpoint: evil.example"),
    "another host for people": (lambda document: document | {"userinfo_endpoint": "https://evil.example/me"}, "userinfo_endpoint: evil.example"),
    "no encryption": (lambda document: document | {"token_endpoint": "http://evil.example/token"}, "does not begin with https://"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_discovery_document_that_makes_no_sense_is_refused(provider: IdentityProvider, name: str) -> None:
    changed, text = DOCUMENTS[name]
    provider.answers("/.well-known/openid-configuration", changed(provider.document()))
    refused(begun(), "provider-document")
    assert text in recorded()["reason"]


def test_a_host_that_the_settings_name_is_accepted(provider: IdentityProvider) -> None:
    change(further_hosts=["127.0.0.1"])
    elsewhere = provider.document()["token_endpoint"].replace("localhost", "127.0.0.1")
    provider.answers("/.well-known/openid-configuration", provider.document() | {"token_endpoint": elsewhere})
    assert sign_in(Client()).status_code == 302


def test_the_address_at_the_provider_keeps_its_query(provider: IdentityProvider) -> None:
    document = provider.document()
    provider.answers(
        "/.well-known/openid-configuration", document | {"authorization_endpoint": document["authorization_endpoint"] + "?policy=a%20b"}
    )
    browser = Client()
    there = leave(browser)
    assert (there.count("?"), there.endswith("&policy=a%20b")) == (1, True)
    assert browser.get(at_provider(there), secure=True).status_code == 302


@pytest.mark.parametrize("methods", [7, ["client_secret_basic"]], ids=str)
def test_the_client_secret_is_sent_as_a_header_unless_the_provider_takes_a_form(provider: IdentityProvider, methods: Any) -> None:
    client = {"token_endpoint_auth_method": "client_secret_basic", "client_secret": "a:b%2 +/&="}
    with identity_provider(client=client) as other:
        other.answers("/.well-known/openid-configuration", other.document() | {"token_endpoint_auth_methods_supported": methods})
        change(issuer=other.issuer, client_secret=client["client_secret"])
        assert sign_in(Client()).status_code == 302


def test_a_redirect_is_not_followed(provider: IdentityProvider) -> None:
    provider.answers("/.well-known/openid-configuration", status=302, location="https://evil.example/")
    refused(begun(), "provider-unreachable")
    assert "The console follows no redirects" in recorded()["reason"]


def test_a_provider_that_is_down_is_a_page_and_a_problem(provider: IdentityProvider) -> None:
    change(issuer="http://localhost:1", client_secret=SECRET)
    refused(begun(), "provider-unreachable")
    assert "Connection refused" in recorded()["reason"]
    problem = begun(Accept="application/json")
    assert (problem.status_code, problem["Content-Type"]) == (502, "application/problem+json")
    assert json.loads(problem.content)["type"].endswith("provider-unreachable")


def test_a_provider_that_fails_on_the_way_back(provider: IdentityProvider) -> None:
    browser = Client()
    back = at_provider(leave(browser))
    provider.answers("/token", "Bad gateway", 502)
    refused(browser.get(back, secure=True, headers=HTML), "provider-document")


def test_a_slow_provider_ends_in_time(provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TOTAL_S", 1.0)
    provider.switch(delay_s=3)
    begun_at = time.monotonic()
    refused(begun(), "provider-unreachable")
    assert time.monotonic() - begun_at < 30
    assert "in time" in recorded()["reason"]


def test_rotated_keys_are_fetched_once_more(provider: IdentityProvider) -> None:
    assert sign_in(Client()).status_code == 302
    provider.switch(rotate=True)
    assert sign_in(Client(), "berta").status_code == 302


def test_a_key_that_the_provider_does_not_publish_is_refused(provider: IdentityProvider) -> None:
    browser = Client()
    back = at_provider(leave(browser))
    provider.answers("/jwks", {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}, "nonsense"]})
    refused(browser.get(back, secure=True, headers=HTML), "token-invalid")
    provider.answers("/jwks", {"keys": []})
    discovery._kept.clear()
    provider.answers("/jwks", {"keys": []})
    refused(sign_in(Client()), "provider-document")


KEYS: dict[str, Any] = {
    "no list": {"keys": 5},
    "no objects": {"keys": [5, None, "x"]},
    "no such kind": {"keys": [{"kty": "dragon"}]},
    "a kind that is no text": {"keys": [{"kty": ["RSA"]}]},
    "an algorithm that is no text": {"keys": [{"kty": "RSA", "alg": [], "n": "AQAB", "e": "AQAB"}]},
    "numbers": {"keys": [{"kty": "RSA", "n": 7, "e": 7}, {"kty": "EC", "crv": "P-256", "x": 7, "y": []}]},
    "empty numbers": {"keys": [{"kty": "RSA", "n": "", "e": ""}, {"kty": "EC", "crv": "P-256", "x": "", "y": ""}]},
    "not at the curve": {"keys": [{"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}]},
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_that_make_no_sense_are_refused(provider: IdentityProvider, name: str) -> None:
    provider.answers("/jwks", KEYS[name])
    refused(sign_in(Client()), "provider-document")
    assert "no key that the console can use" in recorded()["reason"]


def test_texts_that_cannot_be_stored_or_shown_break_nothing(provider: IdentityProvider) -> None:
    change(groups_claim="departments", name_claim="nickname")
    provider.answers("/me", {"sub": "sub-anna", "nickname": "an\0na\ud800", "departments": ["admins", "\0", "\ud800"], "\0\ud800": 1})
    refused(sign_in(Client()), "name-unusable")
    ann = factories.administrator("ann")
    assert sign_in(ann, begin="/settings/provider/test/").status_code == 302
    page = html.unescape(ann.get("/settings/provider/test/", secure=True).content.decode())
    assert "There is no claim nickname with a name" in page
    assert "\ufffd\ufffd" in page


@pytest.mark.parametrize("clock_s", [-5400, 5400], ids=["behind", "ahead"])
def test_a_clock_that_is_off_is_named(provider: IdentityProvider, clock_s: int) -> None:
    provider.switch(clock_s=clock_s)
    refused(sign_in(Client()), "clock")
    reason = recorded()["reason"]
    assert re.search(f"1 h (29|30) min {'ahead of' if clock_s > 0 else 'behind'} the central node's", reason)


def test_a_clock_within_the_leeway_is_no_error(provider: IdentityProvider) -> None:
    provider.switch(clock_s=-60)
    assert sign_in(Client()).status_code == 302


def test_a_state_works_once(provider: IdentityProvider) -> None:
    browser = Client()
    back = at_provider(leave(browser), "berta")
    assert browser.get(back, secure=True).status_code == 302
    browser.post("/accounts/logout/", secure=True)
    refused(browser.get(back, secure=True, headers=HTML), "state-unknown")


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x&code=x", "?error=access_denied", "?state=%00&code=%ff"])
def test_a_state_of_nobody_is_refused(provider: IdentityProvider, query: str) -> None:
    refused(Client().get(CALLBACK + query, secure=True, headers=HTML), "state-unknown")
    assert recorded()["code"] == "state-unknown"


def test_a_state_belongs_to_its_browser(provider: IdentityProvider) -> None:
    """The cookie was lost, or somebody else began the sign-in."""
    back, victim = at_provider(leave(Client())), Client()
    leave(victim)
    refused(victim.get(back, secure=True, headers=HTML), "state-unknown")


def test_a_code_works_once(provider: IdentityProvider) -> None:
    """Another attempt of the same browser has another state, but brings the first code."""
    browser = Client()
    first = at_provider(leave(browser), "berta")
    second = at_provider(leave(browser), "berta")
    assert browser.get(second, secure=True).status_code == 302
    browser = Client()
    third = at_provider(leave(browser))
    code, state = (dict(part.split("=", 1) for part in address.partition("?")[2].split("&")) for address in (first, third))
    replayed = f"{CALLBACK}?code={code['code']}&state={state['state']}"
    refused(browser.get(replayed, secure=True, headers=HTML), "code-refused")


def test_an_answer_of_another_issuer_is_refused(provider: IdentityProvider) -> None:
    browser = Client()
    back = at_provider(leave(browser)).split("&iss=")[0] + "&iss=https://evil.example"
    refused(browser.get(back, secure=True, headers=HTML), "token-invalid")


def test_cancel_is_one_click_from_the_sign_in_page(provider: IdentityProvider) -> None:
    page = refused(sign_in(Client(), go="no"), "canceled")
    assert 'href="/accounts/login/"' in page
    assert recorded()["code"] == "canceled"


def test_an_error_of_the_provider_is_named(provider: IdentityProvider) -> None:
    browser = Client()
    state = leave(browser).partition("state=")[2].split("&")[0]
    back = f"{CALLBACK}?error=invalid_scope&error_description=no+such+scope&state={state}"
    refused(browser.get(back, secure=True, headers=HTML), "provider-refused")
    assert recorded()["reason"] == "The provider says invalid_scope: no such scope."


def test_a_wrong_client_secret_is_named_and_not_shown(provider: IdentityProvider, caplog: pytest.LogCaptureFixture) -> None:
    change(client_secret="not-the-right-secret")
    page = refused(sign_in(Client()), "client-refused")
    assert "invalid_client" in recorded()["reason"]
    assert "not-the-right-secret" not in page + json.dumps(recorded()) + caplog.text


ID_TOKENS: dict[str, tuple[Any, str]] = {
    "none": (None, "no ID token"),
    "no token": ("nonsense", "refused"),
    "not signed": ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJzdWItYW5uYSJ9.", "signed with none"),
    "signed with a shared secret": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzdWItYW5uYSJ9.eA", "signed with HS256"),
}


@pytest.mark.parametrize("name", ID_TOKENS)
def test_a_token_that_proves_nothing_is_refused(provider: IdentityProvider, name: str) -> None:
    token, text = ID_TOKENS[name]
    browser = Client()
    back = at_provider(leave(browser))
    provider.answers("/token", {"access_token": "x", "token_type": "Bearer", "id_token": token})
    refused(browser.get(back, secure=True, headers=HTML), "token-invalid")
    assert text in recorded()["reason"]


def test_a_token_of_another_attempt_is_refused(provider: IdentityProvider) -> None:
    """Its signature, issuer and audience are right, but its nonce is that of the attempt in which it was stolen."""
    seen: list[dict[str, Any]] = []
    browser = Client()
    back = at_provider(leave(browser), "berta")
    _watch(seen, lambda: browser.get(back, secure=True))
    victim = Client()
    back = at_provider(leave(victim))
    provider.answers("/token", seen[0])
    refused(victim.get(back, secure=True, headers=HTML), "token-invalid")
    assert "nonce" in recorded()["reason"]


def _watch(seen: list[dict[str, Any]], act: Callable[[], Any]) -> None:
    """Keep the answers of the token address while `act` runs."""
    real = flow.code_exchanged

    def watched(*args: Any, **kwargs: Any) -> dict[str, Any]:
        seen.append(real(*args, **kwargs))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "code_exchanged", watched)
        act()


def test_a_token_for_another_client_is_refused(provider: IdentityProvider) -> None:
    seen: list[dict[str, Any]] = []
    browser = Client()
    back = at_provider(leave(browser), "berta")
    _watch(seen, lambda: browser.get(back, secure=True))
    victim = Client()
    back = at_provider(leave(victim))
    provider.answers("/token", seen[0])
    change(client_id="another client")
    refused(victim.get(back, secure=True, headers=HTML), "token-invalid")
    assert "udience" in recorded()["reason"]


def test_a_userinfo_answer_about_another_person_is_refused(provider: IdentityProvider) -> None:
    change(groups_claim="departments")
    provider.answers("/me", {"sub": "sub-somebody", "departments": ["admins"]})
    refused(sign_in(Client()), "token-invalid")
    provider.answers("/me", {"sub": "sub-anna", "departments": ["admins"]})
    assert sign_in(Client()).status_code == 302


def test_an_identifier_that_cannot_be_stored_is_refused(provider: IdentityProvider) -> None:
    refused(sign_in(Client(), "x" * 200), "token-invalid")
    assert "sub" in recorded()["reason"]


def test_a_stranger_cannot_fill_the_log(provider: IdentityProvider) -> None:
    change(issuer="http://localhost:1", client_secret=SECRET)
    for number in range(40):
        Client().post("/accounts/provider/", secure=True, REMOTE_ADDR=f"198.51.100.{number // 8}")
    events = Event.objects.filter(action="person.sign-in")
    assert events.count() == endings.MOST_RECORDED
    assert {events.filter(detail__address=f"198.51.100.{number}").count() for number in range(4)} == {endings.MOST_RECORDED_OF_ADDRESS}
    Client().get(CALLBACK, secure=True)
    assert recorded()["code"] == "state-unknown"  # another kind of failure is not hidden


def test_a_private_authority_is_trusted_if_the_settings_name_it(provider: IdentityProvider, authority: Authority) -> None:
    pair = authority.pair(Kind.SERVICE, names=("localhost",))
    with identity_provider(tls={"cert": pair.certificate.decode(), "key": pair.private_key.decode()}) as private:
        change(issuer=private.issuer, client_id=CLIENT, client_secret=SECRET)
        refused(begun(), "provider-unreachable")
        assert "certificate of localhost" in recorded()["reason"]
        change(authorities=make_authority().certificate.public_bytes(Encoding.PEM).decode())
        refused(begun(), "provider-unreachable")
        change(authorities=authority.certificate.public_bytes(Encoding.PEM).decode())
        browser = Client()
        assert leave(browser).startswith(f"{private.issuer}/auth?")


def test_a_provider_that_sends_groups_with_the_userinfo_answer_only(provider: IdentityProvider) -> None:
    with identity_provider(userinfo=True) as other:
        change(issuer=other.issuer, client_secret=SECRET)
        assert sign_in(Client()).status_code == 302
        assert User.objects.get(username="anna").groups.get().name == "SecurityAdmin"


def test_without_the_central_key_the_page_names_it(provider: IdentityProvider, settings: Any, tmp_path: Any) -> None:
    settings.CENTRAL_KEY_FILE = tmp_path / "missing"
    refused(begun(), "secret-unreadable")
