"""Which values of Host and Origin the console accepts, with and without a proxy, and its answer to others."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client

from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.models import Event
from certs.models import TrustZone
from qmc.addresses import names
from qmc.addresses.services import SiteAddresses, site_addresses, site_addresses_set
from qmc.settings import cookie_names
from web.errors import InputInvalid

NOW = datetime.now(UTC)
PASSWORD = "correct horse battery"
PUBLIC = "https://console.example:8444"
# What a proxy sends to the console: Host; what the browser of a person sends: Origin.
PROXIES = {
    "nginx default": ("127.0.0.1:8443", PUBLIC),
    "nginx $host": ("console.example", PUBLIC),
    "nginx $http_host": ("console.example:8444", PUBLIC),
    "another name inside": ("central.example:8443", "https://console.example"),
}


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    names.names_forget()
    yield
    names.names_forget()


@pytest.fixture
def person(site_directory: Path) -> User:
    return User.objects.create_superuser("admin", password=PASSWORD)


def sign_in(client: Client, host: str, **headers: str) -> Any:
    page = client.get("/accounts/login/", secure=True, headers={"host": host})
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    assert token is not None, page.content.decode()
    content = {"login": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    return client.post("/accounts/login/", content, secure=True, headers={"host": host, "accept": "text/html"} | headers)


def words(answer: Any) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", "", answer.content.decode())).split())


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("header", ["origin", "referer"])
def test_one_setting_lets_people_sign_in_through_a_proxy(proxy: str, header: str, person: User) -> None:
    host, origin = PROXIES[proxy]
    headers = {header: origin + ("/accounts/login/" if header == "referer" else "")}
    inside = host if host != "console.example" and "8444" not in host else "127.0.0.1:8443"
    refused = sign_in(Client(enforce_csrf_checks=True), inside, **headers)
    assert refused.status_code == 403
    assert all(hint in words(refused) for hint in (origin, inside, f"set_addresses --base-url {origin}", f"QMC_BASE_URL={origin}"))
    call_command("set_addresses", "--base-url", origin)
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client, host, **headers).status_code == 302
    assert client.get("/", secure=True, headers={"host": host}).status_code == 200
    assert sign_in(Client(enforce_csrf_checks=True), host, origin="https://evil.example").status_code == 403


def test_a_form_of_a_foreign_page_is_refused_and_named(person: User) -> None:
    for origin in ("https://evil.example", "null", "http://central.example:8443", 'https://"><script>alert(1)</script>'):
        answer = sign_in(Client(enforce_csrf_checks=True), "central.example:8443", origin=origin)
        assert answer.status_code == 403
        assert b"<script>alert" not in answer.content
        assert "comes from another address" in words(answer)
    same = sign_in(Client(enforce_csrf_checks=True), "central.example:8443", origin="https://central.example:8443")
    assert same.status_code == 302


def test_a_form_without_a_cookie_or_with_an_old_one_says_so(person: User) -> None:
    headers = {"host": "central.example", "origin": "https://central.example", "accept": "text/html"}
    assert "sent no cookie" in words(Client(enforce_csrf_checks=True).post("/accounts/login/", {}, secure=True, headers=headers))
    client = Client(enforce_csrf_checks=True)
    client.get("/accounts/login/", secure=True, headers={"host": "central.example"})
    old = client.post("/accounts/login/", {"csrfmiddlewaretoken": "a" * 64}, secure=True, headers=headers)
    assert "too old" in words(old)


def test_a_form_without_an_origin_is_explained(person: User) -> None:
    answer = sign_in(Client(enforce_csrf_checks=True), "central.example")
    assert answer.status_code == 403
    assert "neither Origin nor Referer" in words(answer)


def test_an_api_call_with_a_session_follows_the_same_origins(person: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client, "central.example", origin="https://central.example").status_code == 302
    token = client.cookies[django_settings.CSRF_COOKIE_NAME].value

    def put(origin: str) -> Any:
        headers = {"host": "central.example", "origin": origin, "X-CSRFToken": token}
        return client.put("/api/v1/settings/lifetime/", {"months": 24}, content_type="application/json", secure=True, headers=headers)

    refused = put(PUBLIC)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    assert f"set_addresses --base-url {PUBLIC}" in refused.json()["detail"]
    call_command("set_addresses", "--trusted-origin", PUBLIC)
    assert put(PUBLIC).status_code == 200


HOSTS = ("central.example", "CENTRAL.example:8443", "localhost:1", "127.0.0.1", "[::1]:8443", "10.9.9.9:8443")


@pytest.mark.parametrize("host", HOSTS)
def test_the_console_answers_for_its_own_names(host: str, person: User) -> None:
    client = Client(SERVER_NAME="10.9.9.9")  # the address of this machine at which the connection came in
    assert client.get("/accounts/login/", secure=True, headers={"host": host}).status_code == 200


NAMES = ("evil.example", "evil.example:8443", "central.example.evil.example", "x" * 300)
NO_NAMES = ("a b", "<b>x</b>", "ünï", "central.example@evil", "console_backend", "", "[::")


@pytest.mark.parametrize("host", [*NAMES, *NO_NAMES])
def test_the_answer_to_an_unknown_host_lists_the_names(host: str, person: User) -> None:
    client = Client(SERVER_NAME="10.9.9.9", raise_request_exception=False)
    page = client.get("/accounts/login/", secure=True, headers={"host": host, "accept": "text/html"})
    assert page.status_code == 400
    assert all(hint in words(page) for hint in ("proxy_set_header Host central.example;", "--base-url"))
    assert ("--allowed-host" in words(page)) == (host in NAMES)
    assert b"<b>x" not in page.content
    answer = client.get("/api/v1/nodes/", secure=True, headers={"host": host})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert "central.example" in answer.json()["detail"]


def test_an_added_name_is_answered(person: User, settings: Any) -> None:
    client = Client(SERVER_NAME="10.9.9.9")

    def status(host: str) -> int:
        names.names_forget()
        return client.get("/accounts/login/", secure=True, headers={"host": host}).status_code

    assert status("other.example") == 400
    call_command("set_addresses", "--allowed-host", "Other.Example", "--allowed-host", "[fd00::1]")
    assert (status("other.example:8443"), status("[fd00::1]"), status("central.example")) == (200, 200, 200)
    settings.QMC_ALLOWED_HOSTS = ["environment.example"]  # overrides
    assert (status("other.example"), status("environment.example"), status("central.example")) == (400, 200, 200)
    settings.QMC_BASE_URL = "https://base.example:8444"
    assert status("base.example") == 200


def test_origins_of_the_environment_override_those_of_the_sites_data(person: User, settings: Any) -> None:
    call_command("set_addresses", "--base-url", "https://base.example", "--trusted-origin", "https://data.example")
    assert names.names_read().origins == {"https://base.example", "https://data.example"}
    settings.QMC_TRUSTED_ORIGINS = ["https://environment.example"]
    assert names.names_read().origins == {"https://base.example", "https://environment.example"}
    settings.QMC_BASE_URL = "https://other.example"
    assert names.names_read().origins == {"https://other.example", "https://environment.example"}


def test_names_are_read_once_for_many_requests(person: User, django_assert_max_num_queries: Any) -> None:
    kept = names.names()
    names._Kept.until += 60
    with django_assert_max_num_queries(0):
        assert names.names() is kept


def test_the_last_names_are_used_while_the_database_is_unavailable(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed() -> None:
        raise OperationalError("database is locked")

    client = Client(SERVER_NAME="10.9.9.9")
    before = names.names()
    monkeypatch.setattr(names, "names_read", closed)
    monkeypatch.setattr(names._Kept, "until", 0.0)
    assert names.names() is before
    names.names_forget()
    answer = client.get("/api/v1/nodes/", secure=True, headers={"host": "central.example"})
    assert client.get("/nothing/", secure=True, headers={"host": "localhost"}).status_code == 404
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2].rpartition("/")[2]) == (503, "database-unavailable")


def test_cookies_are_a_sites_own(person: User) -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "central.example", origin="https://central.example")
    own = {django_settings.SESSION_COOKIE_NAME, django_settings.CSRF_COOKIE_NAME}
    assert set(client.cookies) == own | {django_settings.SESSION_COOKIE_NAME.replace("session", "browser")}
    assert not set(cookie_names("one site's key")) & set(cookie_names("another site's key"))
    for cookie in client.cookies.values():
        assert cookie.key.startswith("__Host-")
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("base_url", "http://console.example", "not a URL"),
        ("allowed_hosts", ["console.example:1"], "port"),
        ("trusted_origins", ["https://x.example/app"], "path"),
        ("node_api_addresses", ["0.0.0.0:4242"], "all addresses"),
        ("allowed_hosts", [f"h{number}.example" for number in range(51)], "At most"),
    ],
)
def test_an_invalid_address_is_refused_and_changes_nothing(field: str, value: Any, text: str, site_directory: Path) -> None:
    before = site_addresses()
    requested = {**vars(before), "base_url": "https://good.example", field: value}
    with pytest.raises(InputInvalid, match=text) as refused:
        site_addresses_set(actor=SYSTEM, requested=SiteAddresses(**requested), now=NOW)
    assert list(refused.value.errors) == [field]
    assert site_addresses() == before


def test_a_change_is_recorded_and_needs_its_permission(site_directory: Path) -> None:
    requested = SiteAddresses(["127.0.0.1:4242"], PUBLIC, ["other.example"], [])
    with pytest.raises(PermissionRefused):
        site_addresses_set(actor=Actor("user", "guest"), requested=requested, now=NOW)
    assert site_addresses_set(actor=SYSTEM, requested=requested, now=NOW) == requested == site_addresses()
    event = Event.objects.get(action="console_names.set")
    assert event.detail == {"base_url": {"from": "", "to": PUBLIC}, "allowed_hosts": {"from": [], "to": ["other.example"]}}
    assert not Event.objects.filter(action="addresses.set").exists()
    assert TrustZone.objects.get().base_url == PUBLIC
