"""Access control: every page and every operation of the API requires a sign-in, a permission and a CSRF token."""

import re
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from alerts.models import Route
from certs.models import Certificate, Deployment, Export
from nodes.dial import services as dial
from nodes.models import BrowserCertificate, Connection, Node
from tests import factories

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# These open without a sign-in, and say nothing of the site.
LINK = f"/people/link/{uuid.UUID(int=7)}/"
OPEN = {
    LINK,
    "/accounts/provider/",
    "/accounts/provider/callback/",
    "/accounts/login/",
    "/accounts/passkey/",
    "/accounts/second-factor/",
    "/accounts/logout/",
    "/accounts/signup/",
    "/accounts/reauthenticate/",
    "/healthz",
    "/readyz",
    "/too-large/",
    "/api/v1/schema/",
}
# Pages that need a sign-in and no permission: one's own account, those that ask again who one is, and the help.
OWN = ("/account/", "/help/", "/search/", "/shortcuts/", "/accounts/reauthenticate/", "/accounts/provider/again/")


def paths(patterns: list[Any] | None = None, before: str = "/") -> Iterator[str]:
    """Every path of the console, with an id that does not exist where one is required."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = before + re.sub(r"<(\w+:)?\w+>", lambda found: "7" if found[1] == "int:" else str(uuid.UUID(int=7)), str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from paths(pattern.url_patterns, path)
        else:
            assert isinstance(pattern, URLPattern)
            yield path


def ask(client: Client, method: str, path: str) -> Any:
    return client.generic(method, path, b"{}", content_type="application/json", secure=True)


def test_without_permissions_nothing_can_be_read_or_changed(site_directory: Path, client: Client) -> None:
    client.force_login(User.objects.create_user("eve"))
    for path in paths():
        for method in METHODS if path not in OPEN else ():
            if path.startswith(OWN) or method == "OPTIONS":
                continue
            answer = ask(client, method, path)
            # What has no right form, or is not there, is said before who may: nothing of the site is in that.
            assert answer.status_code in (400, 401, 403, 404, 405), (method, path, answer.status_code)


def test_every_change_requires_the_csrf_token(site_directory: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("ann"))
    for path in paths():
        if not path.startswith(("/api/", "/qrs/", "/too-large/")):
            assert client.post(path, {"x": "y"}, secure=True).status_code in (403, 405), path


MARKUP = "<script>alert(1)</script>"


def test_stored_texts_are_escaped(site_directory: Path, client: Client) -> None:
    client.force_login(User.objects.create_superuser("ann", first_name=MARKUP))
    node = Node.objects.get(is_central=True)
    now, when = node.created_at, {"created_at": node.created_at}
    Node.objects.create(name=MARKUP, host_name="rim1.example", state="failed", state_reason=MARKUP, state_since=now, **when)
    Certificate.objects.filter(kind="client").update(subject=MARKUP, holder=MARKUP, reason=MARKUP, subject_alternative_names=[MARKUP])
    Connection.objects.create(name=MARKUP, type="odbc", connection_string=MARKUP, username=MARKUP, changed_at=now, **when)
    Deployment.objects.create(name=MARKUP, api_address=MARKUP, audience=MARKUP, changed_at=now, **when)
    Export.objects.create(
        machine=MARKUP, format="pem", status="failed", status_reason=MARKUP, status_since=now, batch=uuid.uuid4(), actor=MARKUP, **when
    )
    BrowserCertificate.objects.create(
        name=MARKUP, source="request", state="awaiting_answer", names=[MARKUP], notes=[MARKUP], actor=MARKUP, **when
    )
    alert = factories.alert(
        MARKUP, at=now, subject=MARKUP, title=MARKUP, text=MARKUP, remedy=MARKUP, note=MARKUP, acknowledged_by=MARKUP, url=MARKUP
    )
    channel = factories.channel(MARKUP, at=now, values={"url": MARKUP}, last_error=MARKUP, failing_since=now)
    message = factories.message(alert, at=now, actor=MARKUP, note=MARKUP)
    Route.objects.create(channel=channel, codes=[MARKUP], time_zone=MARKUP, days=[1], created_at=now)
    rows = [
        *Node.objects.all(),
        *Certificate.objects.all(),
        *Connection.objects.all(),
        *Deployment.objects.all(),
        *Export.objects.all(),
        *BrowserCertificate.objects.all(),
        alert,
        channel,
        factories.delivery(channel, message, at=now, title=MARKUP, error=MARKUP),
        *Route.objects.all(),
    ]
    nobody, seen = str(uuid.UUID(int=7)), 0
    for path in paths():
        for row in rows if nobody in path else rows[:1]:
            answer = client.get(path.replace(nobody, str(row.pk)), secure=True)
            assert answer.status_code < 500, path
            if "html" in answer.get("Content-Type", "") and answer.status_code == 200:
                assert MARKUP not in answer.content.decode(), path
                seen += 1
    assert seen > 40


def test_guessing_a_password_is_slow(client: Client) -> None:
    User.objects.create_superuser("ann", password="the right password")
    credentials = {"login": "ann", "password": "a wrong password"}
    for _ in range(5):
        assert client.post("/accounts/login/", credentials, secure=True).status_code == 200
    refused = client.post("/accounts/login/", credentials | {"password": "the right password"}, secure=True)
    assert (refused.status_code, "_auth_user_id" in client.session) == (200, False)
    assert "Too many wrong passwords" in refused.content.decode()


def signed_in(client: Client, **more: str) -> Any:
    User.objects.create_superuser("ann", password="the right password")
    return client.post("/accounts/login/", {"login": "ann", "password": "the right password"} | more, secure=True)


def test_a_sign_in_makes_a_new_session(client: Client) -> None:
    client.session.save()
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    assert signed_in(client).status_code == 302
    assert client.session.session_key != before


def test_sign_out_and_a_new_password_end_sessions_on_the_server(client: Client) -> None:
    signed_in(client)
    key = client.session.session_key
    client.post("/accounts/logout/", secure=True)
    assert not Session.objects.filter(session_key=key).exists()
    client.post("/accounts/login/", {"login": "ann", "password": "the right password"}, secure=True)
    ann = User.objects.get()
    ann.set_password("another password")
    ann.save()
    assert client.get("/nodes/", secure=True).status_code == 302


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "https:evil.example"]
)
def test_a_sign_in_never_redirects_to_another_site(client: Client, place: str) -> None:
    assert signed_in(client, next=place)["Location"] == "/"


def test_cookies_are_for_tls_only_and_hidden_from_scripts(client: Client) -> None:
    signed_in(client)
    others = {name.split("-")[1]: cookie for name, cookie in client.cookies.items() if "csrf" not in name}
    assert others.keys() == {"session", "browser"}
    assert {(cookie["secure"], cookie["httponly"], cookie["samesite"]) for cookie in others.values()} == {(True, True, "Lax")}
    assert all(cookie["secure"] for cookie in client.cookies.values())


class Redirects(BaseHTTPRequestHandler):
    """Redirects every request, and counts them."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_the_console_follows_no_redirects_of_nodes() -> None:
    Redirects.asked.clear()
    with HTTPServer(("127.0.0.1", 0), Redirects) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        node = Node(name="rim1", host_name="rim1.example", address="127.0.0.1", distribution_port=server.server_address[1])
        answer = dial.ask(node, "GET", "/status/servicestate")
        server.shutdown()
    assert (answer.status, Redirects.asked) == (302, ["/status/servicestate"])
