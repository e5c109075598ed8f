"""A database that is full, locked or away: 503 with its remedy, for people, API clients and nodes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection
from django.test import Client

pytestmark = pytest.mark.django_db
BROWSER = {"Accept": "text/html,*/*"}


def takes_nothing(*_: Any) -> None:
    raise OperationalError("unable to open database file")


def takes_no_change(execute: Callable[..., Any], sql: str, *others: Any) -> Any:
    if sql.startswith(("INSERT", "UPDATE", "DELETE")):
        raise OperationalError("database or disk is full")
    return execute(sql, *others)


@pytest.fixture(params=[takes_nothing, takes_no_change], ids=lambda wrapper: wrapper.__name__)
def hurt(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    with connection.execute_wrapper(request.param):
        yield request.param


@pytest.fixture
def client(client: Client, admin_user: User) -> Client:
    client.force_login(admin_user)
    return client


def test_a_person_gets_a_page(client: Client, hurt: Callable[..., Any]) -> None:
    answer = client.post("/connections/new/", {"name": "Stock", "type": "odbc", "connection_string": "DSN=x"}, headers=BROWSER)
    assert answer.status_code == 503
    assert "The database cannot be used now" in answer.content.decode()


def test_an_api_client_gets_problem_details(client: Client, hurt: Callable[..., Any]) -> None:
    fields = {"name": "one", "host_name": "one.example", "address": "127.0.0.9"}
    answer = client.post("/api/v1/nodes/", fields, content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert answer.json()["type"] == "urn:trust-zone:database-unavailable"


def test_a_node_gets_problem_details(client: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = "qmc.urls_node"
    scope = {"asgi.scope": {"state": {"peer_certificate": b"x"}}}
    with connection.execute_wrapper(takes_nothing):
        answer = client.post("/api/v1/heartbeat/", "{}", content_type="application/json", **scope)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:trust-zone:database-unavailable")


def test_any_other_error_is_still_one(client: Client) -> None:
    def broken(*_: Any) -> None:
        raise IntegrityError("no such row")

    client.raise_request_exception = False
    with connection.execute_wrapper(broken):
        assert client.get("/nodes/", headers=BROWSER).status_code == 500
