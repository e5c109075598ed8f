"""A database that is full, locked or unreachable: 503 with a remedy, for people, API clients and nodes."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection
from django.test import Client

from web import database_problem

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


def test_other_errors_stay_unexpected_errors(client: Client) -> None:
    def broken(*_: Any) -> None:
        raise IntegrityError("no such row")

    client.raise_request_exception = False
    with connection.execute_wrapper(broken):
        assert client.get("/nodes/", headers=BROWSER).status_code == 500


# What SQLite and PostgreSQL really say → what the console makes of it.
SAID = {
    "database is locked": "locked the database",
    "database table is locked: nodes_node": "locked the database",
    "canceling statement due to lock timeout": "locked the database",
    "database or disk is full": "disk of the database is full",
    'could not extend file "base/16384/1": No space left on device': "disk of the database is full",
    "attempt to write a readonly database": "cannot be changed",
    "cannot execute INSERT in a read-only transaction": "cannot be changed",
    "database disk image is malformed": "damaged",
    "file is not a database": "damaged",
    "disk I/O error": "damaged",
    "no such table: nodes_node": "not migrated",
    "no such column: nodes_node.tags": "not migrated",
    'relation "nodes_node" does not exist': "not migrated",
    "unable to open database file": "cannot be reached",
    'connection to server at "127.0.0.1", port 5432 failed: Connection refused': "cannot be reached",
    "FATAL:  sorry, too many clients already": "no free connection",
    "terminating connection due to administrator command": "cannot be reached",
    "something that nobody has seen yet": "answered with an unexpected error",
}


@pytest.mark.parametrize(("said", "meaning"), SAID.items(), ids=SAID.keys())
def test_errors_of_the_database_are_explained(client: Client, said: str, meaning: str) -> None:
    def broken(*_: Any) -> None:
        raise OperationalError(said)

    with connection.execute_wrapper(broken):
        page = client.get("/nodes/", headers=BROWSER)
        detail = client.get("/api/v1/nodes/").json()["detail"]
    assert (page.status_code, meaning in page.content.decode(), meaning in detail) == (503, True, True)
    what, remedy = database_problem.meaning(OperationalError(said))
    assert detail == f"{what} {remedy}"


def test_a_database_locked_by_another_program_is_reported(tmp_path: Path) -> None:
    """A second program holds a real lock, and a real connection waits for it in vain."""
    holder, waiter = (sqlite3.connect(tmp_path / "db", timeout=0.1, isolation_level=None) for _ in range(2))
    with contextlib.closing(holder), contextlib.closing(waiter):
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as seen:
            waiter.execute("BEGIN IMMEDIATE")
    assert "locked the database" in database_problem.meaning(seen.value)[0]
