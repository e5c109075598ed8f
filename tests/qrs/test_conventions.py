"""The conventions of the QRS-compatible API: key, user, addresses, methods, and errors as text."""

from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from django.utils import timezone

from qrs.conventions.claims import claimed_user
from qrs.conventions.paths import qrs_path
from qrs.conventions.xrfkey import REFUSED, xrfkey_check
from qrs.errors import KeyRefused
from tests import factories
from tests.qrs.calls import HEADERS, KEY, central_certificate, on_console, on_node_api, path_of

pytestmark = pytest.mark.django_db
OTHER = "f" * 16


@pytest.fixture
def central(site_directory: Path) -> Any:
    """Calls with the central node's own certificate."""
    return on_node_api(central_certificate())


@pytest.fixture
def console(site_directory: Path) -> Any:
    """Calls with the token of a RootAdmin."""
    return on_console(factories.token(factories.root_admin("ann"), "script", at=timezone.now()))


# The query and the header → whether the key is accepted.
KEYS = {
    "equal": (f"xrfkey={KEY}", KEY, True),
    "another case of the parameter": (f"Xrfkey={KEY}", KEY, True),
    "three cases, equal": (f"xrfkey={KEY}&Xrfkey={KEY}&XRFKEY={KEY}", KEY, True),
    "three cases, one different": (f"xrfkey={KEY}&Xrfkey={OTHER}&XRFKEY={KEY}", KEY, False),
    "twice, different": (f"xrfkey={KEY}&xrfkey={OTHER}", KEY, False),
    "another case of the key": (f"xrfkey={KEY.lower()}", KEY, False),
    "only in the address": (f"xrfkey={KEY}", "", False),
    "only in the header": ("", KEY, False),
    "neither": ("", "", False),
    "15 characters": (f"xrfkey={KEY[:15]}", KEY[:15], False),
    "17 characters": (f"xrfkey={KEY}0", f"{KEY}0", False),
    "another character": ("xrfkey=0123456789abcde-", "0123456789abcde-", False),
    "letters outside ASCII": ("xrfkey=0123456789abcd%C3%A9f", "0123456789abcdéf", False),
    "empty": ("xrfkey=", "", False),
}


@pytest.mark.parametrize(("query", "header", "accepted"), KEYS.values(), ids=KEYS)
def test_the_key_is_equal_in_address_and_header(query: str, header: str, accepted: bool) -> None:
    request = RequestFactory().get(f"/qrs/about?{query}", headers={"X-Qlik-Xrfkey": header} if header else {})
    if accepted:
        xrfkey_check(request)
    else:
        with pytest.raises(KeyRefused, match=REFUSED):
            xrfkey_check(request)


@pytest.mark.parametrize("call", ["central", "console"])
def test_a_refused_key_is_the_sentence_of_the_original(call: str, request: pytest.FixtureRequest) -> None:
    answer = request.getfixturevalue(call)("GET", "/qrs/about")
    assert (answer.status, answer.text) == (400, "XSRF prevention check failed. Possible XSRF discovered.")


# As the clients write it → who it names.
USERS = {
    "UserDirectory=Internal;UserId=sa_api": "Internal\\sa_api",
    "UserDirectory=INTERNAL;UserID=sa_repository": "INTERNAL\\sa_repository",
    "UserDirectory=X; UserId=Y": "X\\Y",
    "UserDirectory=X: UserId=Y": "X\\Y",
    "userid=y ; USERDIRECTORY = x": "x\\y",
    "UserId=y": "y",
    "": "",
    "nobody": "",
    "UserDirectory=a\x1b[2Jb;UserId=c": "a?[2Jb\\c",
    f"UserDirectory={'d' * 300};UserId={'u' * 300}": f"{'d' * 50}\\{'u' * 50}",
}


@pytest.mark.parametrize(("header", "user"), USERS.items(), ids=[header[:40] or "empty" for header in USERS])
def test_the_claimed_user_is_read_in_every_spelling(header: str, user: str) -> None:
    assert claimed_user(header) == user


# Addresses → their one form.
ADDRESSES = {
    "/qrs/about": "/qrs/about", "/QRS/About/": "/qrs/about", "/qrs": "/qrs/", "/qrs/": "/qrs/", "/proxy/qrs/about": "/qrs/about", "/Proxy/QRS/ServiceStatus/full": "/qrs/servicestatus/full",
    "/proxy/qrs/": None, "/help/qrs/": None, "/qrsx/about": None, "/a/b/qrs/about": None, "/api/v1/nodes/": None,
}  # fmt: skip


@pytest.mark.parametrize(("path", "expected"), ADDRESSES.items(), ids=ADDRESSES)
def test_addresses_have_one_form(path: str, expected: str | None) -> None:
    assert qrs_path(path) == expected


@pytest.mark.parametrize("call", ["central", "console"])
def test_about_answers_without_a_redirect(call: str, request: pytest.FixtureRequest) -> None:
    for path in ("/qrs/about", "/QRS/ABOUT/", "/virtual/qrs/about"):
        answer = request.getfixturevalue(call)("GET", f"{path}?Xrfkey={KEY}")
        assert (answer.status, answer.json["nodeType"], answer.json["schemaPath"]) == (200, 1, "About"), path


# Method, address and body → status, and words of the text.
ERRORS = {
    "another product": ("GET", path_of("app/full"), None, 404, "it has no apps"),
    "failover": ("GET", path_of("failover/tonode/7"), None, 404, "failover"),
    "nothing": ("GET", f"/qrs/?xrfkey={KEY}", None, 404, "about/api/description"),
    "no id": ("GET", path_of("servernodeconfiguration/7"), None, 404, "nothing at this address"),
    "unknown id": ("GET", path_of("servernodeconfiguration/6f1d2c3b-0a1b-4c2d-8e3f-0123456789ab"), None, 404, "no node with this id"),
    "unknown type": ("GET", path_of("about/api/default/app"), None, 404, "The types are"),
    "another method": ("POST", path_of("about"), {}, 405, "Use: GET."),
    "PATCH": ("PATCH", path_of("about"), {}, 405, "Use: GET."),
    "OPTIONS": ("OPTIONS", path_of("about"), None, 405, "Use: GET."),
    "TRACE": ("TRACE", path_of("about"), None, 405, "TRACE"),
    "unknown parameter": ("GET", path_of("servernodeconfiguration/full", filtr="name eq 'a'"), None, 400, "does not take the parameter “filtr”"),
    "filter where none belongs": ("GET", path_of("about", filter="name eq 'a'"), None, 400, "Use: xrfkey."),
    "bad filter": ("GET", path_of("servernodeconfiguration/full", filter="name is 'a'"), None, 400, "is not an operator"),
    "no JSON": ("GET", path_of("about"), b"{", 400, "The body is not JSON"),
    "NUL in the address": ("GET", path_of("servernodeconfiguration/%00"), None, 404, "nothing"),
}  # fmt: skip


def test_errors_are_one_text(central: Any) -> None:
    for name, (method, path, body, status, says) in ERRORS.items():
        answer = central(method, path, body, Accept="text/html")
        assert (answer.status, says in answer.text, "<" in answer.text) == (status, True, False), (name, answer)


def test_a_caller_of_the_console_without_credentials_is_asked_for_a_token(site_directory: Path) -> None:
    answer = Client().get(path_of("about"), secure=True, headers=HEADERS | {"Accept": "text/html"})
    assert (answer.status_code, answer["Content-Type"], answer["WWW-Authenticate"]) == (401, "text/plain; charset=utf-8", "Bearer")


def test_a_token_acts_with_its_scopes_and_the_claimed_user_is_not_believed(site_directory: Path) -> None:
    owner = factories.root_admin("ann")
    accounts = on_console(factories.token(owner, "accounts", at=timezone.now(), scopes=["accounts"]))
    answer = accounts("GET", path_of("servernodeconfiguration"), **{"X-Qlik-User": "UserDirectory=INTERNAL;UserId=sa_repository"})
    assert (answer.status, "lacks the scope read" in answer.text) == (403, True)


def test_a_session_is_accepted_and_a_first_password_is_said_in_text(site_directory: Path) -> None:
    client = factories.administrator()
    assert client.get(path_of("about"), secure=True, headers=HEADERS).status_code == 200
    session = client.session
    session["password_is_initial"] = True
    session.save()
    answer = client.get(path_of("about"), secure=True, headers=HEADERS)
    assert (answer.status_code, "Open it in a browser" in answer.content.decode()) == (403, True)


def test_an_unknown_host_is_refused_in_text(console: Any) -> None:
    answer = console("GET", path_of("about"), Host="evil.example", Accept="text/html")
    assert (answer.status, answer.text.partition(".")[0]) == (400, "This console does not answer for the host evil")


def test_an_unavailable_database_is_a_text_with_the_remedy(central: Any) -> None:
    def locked(*_: Any) -> None:
        raise OperationalError("database is locked")

    with connection.execute_wrapper(locked):
        answer = central("GET", path_of("about"))
    assert (answer.status, "database" in answer.text) == (503, True)


def test_a_body_that_is_too_large_is_a_text(central: Any) -> None:
    answer = central("GET", "/qrs/too-large")
    assert (answer.status, "at most 1 MiB" in answer.text) == (413, True)


@pytest.mark.parametrize("certificate", [b"unknown", b""])
def test_an_unknown_certificate_is_refused(central: Any, certificate: bytes) -> None:
    answer = on_node_api(certificate)("GET", path_of("about"))
    assert (answer.status, "may not call here" in answer.text) == (403, True)


def test_a_node_reads_about_and_not_the_nodes(site_directory: Path) -> None:
    now = timezone.now()
    factories.client_certificate(factories.node("rim1", at=now), b"rim1", at=now)
    call = on_node_api(b"rim1")
    assert call("GET", path_of("about")).status == 200
    for path in ("servernodeconfiguration/full", "servicecluster/full", "about/api/enums"):
        answer = call("GET", path_of(path))
        assert (answer.status, "its own status" in answer.text) == (403, True), path


def test_the_documents_of_about_are_json(central: Any) -> None:
    enums = central("GET", path_of("about/api/enums")).json
    assert enums["NodePurposeEnum"] == {
        "values": ["0: Production", "1: Development", "2: Both"], "usages": ["ServerNodeConfiguration.NodePurpose"],
    }  # fmt: skip
    assert any(line.startswith("GET /qrs/about:") for line in central("GET", path_of("about/api/description")).json)
    assert central("GET", path_of("about/api/relations")).json
    assert central("GET", path_of("about/openapi")).json["paths"]["/servernodeconfiguration/{id}"]["get"]["parameters"][0]["name"] == "id"
    assert central("GET", path_of("about/api/default/ServerNodeConfiguration")).json["hostName"] == ""
