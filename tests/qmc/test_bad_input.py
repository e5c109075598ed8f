"""Whatever an API client sends, the answer is a problem that says what is wrong: never a 500, and no 503 that blames the database."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from tests.problems import error_fields
from tests.slow import RUN_SLOW, one_of, part
from tests.web.operations import fields_of, filled, operations

pytestmark = pytest.mark.django_db
NASTY: dict[str, Any] = {
    "null": None, "true": True, "huge number": 10**400, "empty": "", "NUL": "a\0b", "half a character": "\ud800",
    "long": "%_" * 50_000, "list": [], "deep": [[[[[[[[]]]]]]]], "strange list": [None, 1, "x" * 70_000, {}], "many": ["a.example"] * 3000,
    "markup": "<script>\u202e", "year 1": "0001-01-01T00:00:00+23:59", "zone id": "fe80::1%eth0",
}  # fmt: skip
PARAMETERS = ("a\0b", "%_" * 4000, "-1", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59")
BODIES = {
    "deep list": b"[" * 400_000, "deep object": b'{"a":' * 100_000, "not UTF-8": b'{"name": "\xff"}', "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "NaN": b'{"months": NaN}', "cut": b'{"name": ', "nothing": b"", "a list": b"[]", "a text": b'"x"', "null": b"null", "huge number": b"9" * 5000,
    "the same key twice": b'{"name": "a", "name": 1}',
}  # fmt: skip
TYPES = (
    "application/json", "application/json; charset=rot13", "application/json; charset=utf-16", "application/json; charset=nonsense", "text/plain", "multipart/form-data",
    "application/x-www-form-urlencoded; charset=rot13", "",
)  # fmt: skip


@pytest.fixture
def administrator(site_directory: Path, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ann"))
    client.raise_request_exception = False
    return client


def send(client: Client, method: str, path: str, content: bytes, kind: str = "application/json") -> None:
    answer = client.generic(method.upper(), path, content, content_type=kind, secure=True)
    assert answer.status_code < 500, (method, path, kind, content[:200], getattr(answer, "content", b"")[:500])
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json", (method, path, answer.status_code)
        assert {"type", "title", "status", "detail", "errors"} <= {*answer.json()}
        assert all({*error} == {"field", "code", "message"} for error in answer.json()["errors"])


def test_every_field_of_every_operation_answers_any_value(administrator: Client, record_property: Any) -> None:
    tried = 0
    for method, path, operation in operations():
        for number, field in enumerate(fields_of(operation)):
            for value in part(3, NASTY.values(), number):
                others = {name: "x" for name in fields_of(operation) if name != field}
                send(administrator, method, filled(path), json.dumps(others | {field: value}).encode())
                tried += 1
    record_property("nasty bodies tried", tried)
    assert tried > (500 if RUN_SLOW else 150)


def test_every_parameter_of_every_list_answers_any_value(administrator: Client) -> None:
    for method, path, operation in operations():
        names = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
        for number, name in enumerate(sorted({*names, "page", "page_size"}) if method == "get" else ()):
            for text in part(3, PARAMETERS, number):
                answer = administrator.get(filled(path), {name: text}, secure=True)
                assert answer.status_code < 500, (path, name, text[:100], answer.content[:500])


@pytest.mark.parametrize(("body", "kind"), one_of(5, product(BODIES, TYPES)))
def test_a_body_that_is_not_json_is_refused_with_an_explanation(administrator: Client, body: str, kind: str) -> None:
    for method, path in (
        ("post", "/api/v1/nodes/"),
        ("put", "/api/v1/settings/lifetime/"),
        ("post", "/api/v1/exports/"),
        ("post", "/api/v1/connections/"),
    ):
        send(administrator, method, path, BODIES[body], kind)


def test_a_session_without_its_csrf_token_is_refused_with_a_problem(site_directory: Path) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(User.objects.create_superuser("ann"))
    for method, path, _ in operations():
        if method == "get":
            continue
        answer = client.generic(method.upper(), filled(path), b"{}", content_type="application/json", secure=True)
        assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json"), (method, path)
        assert "CSRF" in answer.json()["detail"]


def test_texts_of_any_length_never_reach_the_database(administrator: Client) -> None:
    """SQLite says of a long pattern that it is too complex, PostgreSQL of a long value that it is too long."""
    fields = {"name": "a" * 100_000, "host_name": "b" * 100_000}
    seen: list[str] = []

    def watched(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(str(params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watched):
        answer = administrator.post("/api/v1/nodes/", fields, content_type="application/json", secure=True)
    assert (answer.status_code, error_fields(answer.json())) == (400, ["name", "host_name"])
    assert not any(len(text) > 2000 for text in seen)


@pytest.mark.parametrize(
    ("accept", "kind"), [("application/json", "application/problem+json"), ("*/*", "application/problem+json"), ("text/html", "text/html")]
)
def test_an_unknown_address_is_answered_in_the_requested_format(administrator: Client, accept: str, kind: str) -> None:
    answer = administrator.get("/nowhere/", secure=True, headers={"accept": accept})
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (404, kind)
    assert b"There is nothing" in answer.content


@pytest.mark.parametrize(
    ("accept", "text"), [("application/json", '"type": "urn:trust-zone:internal"'), ("text/html", "Something went wrong")]
)
def test_an_unexpected_error_is_answered_in_the_requested_format(
    administrator: Client, monkeypatch: pytest.MonkeyPatch, accept: str, text: str
) -> None:
    monkeypatch.delattr("qmc.overview.pages.overview_page")
    answer = administrator.get("/", secure=True, headers={"accept": accept})
    assert (answer.status_code, text in answer.content.decode()) == (500, True)
