"""Who may do what: access.txt has the exact answer of every address to every method, for every role and every kind of token.

A new address needs its rows there. The failing test prints them as the console answers now: check each number before you copy them. If the
address has a new parameter, access.py needs an object for it, and a valid body if the operation of the API requires one. That module also says what is left out.
"""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import timezone

from people.models import ApiToken
from people.roles.groups import role_give
from people.roles.registry import Role
from tests import factories
from tests.qmc.access import CONTENT, Objects, content_of, objects_make
from tests.slow import RUN_SLOW

pytestmark = pytest.mark.django_db
TABLE = Path(__file__).parent / "access.txt"
FORM = "application/x-www-form-urlencoded"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SCOPES = {"read": ["read"], "write": ["write"], "both": ["read", "write"], "accounts": ["accounts"], "calendar": ["calendar"]}
COLUMNS = ("out", *Role, *SCOPES)
NOT_TAKEN = (405,) * len(COLUMNS)
OF_PEOPLE = COLUMNS.index("read")
PARAMETER = re.compile(r"<[^>]+>")
API, SESSION = "/api/", settings.SESSION_COOKIE_NAME


def routes(patterns: list[Any] | None = None, before: str = "/") -> Iterator[str]:
    """Every address of the console, with its parameters."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            assert isinstance(pattern, URLPattern)
            yield route


Answers = tuple[int, ...]


def line(methods: str, route: str, answers: Answers) -> str:
    return f"{methods:7} {route:51} {' '.join(str(answer) for answer in answers)}"


def table() -> dict[str, dict[str, Answers]]:
    """The answers by address and method."""
    rows: dict[str, dict[str, Answers]] = {}
    for text in TABLE.read_text().splitlines():
        if text and not text.startswith("#"):
            methods, route, *answers = text.split()
            own = rows.setdefault(route, {})
            for method in methods.split(","):
                assert method not in own, f"There are two rows {method} {route}."
                own[method] = tuple(map(int, answers))
    return rows


@contextmanager
def undone() -> Iterator[None]:
    """What a request changes is taken back."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # as the tests' own: what is durable here is not really committed
    with block:
        yield
        transaction.set_rollback(True)


def path_of(route: str, objects: Objects) -> str:
    """The path of an object. The longest beginning of the address says which."""
    of = route.removeprefix("/api/v1")
    ids = iter(objects[max((start for start in objects if of.startswith(start)), key=len)] if "<" in route else ())
    return PARAMETER.sub(lambda _: next(ids), route)


class Offers(HTMLParser):
    """What a page leads to: methods and paths of its links, forms and parts that are fetched later."""

    def __init__(self, page: str, path: str) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self._path = path
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        for name, method in (("href", "GET"), ("hx-get", "GET"), ("hx-post", "POST")):
            if given.get(name, "").startswith("/"):
                self.found.add((method, given[name]))
        if tag == "form":
            self.found.add((given.get("method", "get").upper(), given.get("action") or self._path))
        if "formaction" in given:
            self.found.add(("POST", given["formaction"]))


def offered(page: str, path: str) -> set[tuple[str, str]]:
    """The methods and addresses that a page leads to."""
    found = set()
    for method, target in Offers(page, path).found:
        where = urlsplit(target).path
        if not where.startswith("/static/"):
            found.add((method, f"/{resolve(where).route}"))
    return found


@dataclass(frozen=True)
class Asker:
    """A client of one column: with a session, a token, or neither."""

    client: Client
    headers: dict[str, str]
    session: str = ""

    def ask(self, method: str, route: str, objects: Objects) -> tuple[int, set[tuple[str, str]]]:
        """The status of the answer, and what a page offers."""
        path = path_of(route, objects)
        content = content_of(f"{method} {route}", objects)
        sent = ("application/json", json.dumps(content)) if route.startswith(API) else (FORM, urlencode(content))
        with undone():
            answer = self.client.generic(method, path, sent[1], content_type=sent[0], headers=self.headers, secure=True)
        self.client.cookies = SimpleCookie({SESSION: self.session} if self.session else {})
        is_page = answer.status_code == 200 and method == "GET" and answer.get("Content-Type", "").startswith("text/html")
        return answer.status_code, offered(answer.content.decode(), path) if is_page else set()


def askers(token_owner: User) -> list[Asker]:
    found, now = [Asker(Client(), {})], timezone.now()
    for role in Role:
        user = User.objects.create_user(f"person-{role}", password="a password of a test")
        role_give(user, role)
        client = Client()
        client.force_login(user)
        fresh = HttpRequest()
        fresh.session = client.session
        record_authentication(fresh, user, "password", reauthenticated=True)
        fresh.session.save()
        found.append(Asker(client, {}, client.cookies[SESSION].value))
    for name, scopes in SCOPES.items():
        token = factories.token(token_owner, name, at=now, scopes=scopes)
        found.append(Asker(Client(), {"Authorization": f"Bearer {token}"}))
    ApiToken.objects.update(last_used_at=now, last_used_from="127.0.0.1")  # so that no request has to write it
    return found


@pytest.fixture
def columns(site_directory: Path, settings: Any) -> Iterator[list[Asker]]:
    """A client for each column."""
    settings.ACCOUNT_RATE_LIMITS = False
    logging.disable(logging.WARNING)  # thousands of refusals are expected
    yield askers(factories.root_admin("robot"))
    logging.disable(logging.NOTSET)


def test_every_address_answers_as_the_table_says_and_pages_offer_only_what_is_allowed(columns: list[Asker], record_property: Any) -> None:
    objects, rows, asked, wrong = objects_make(User.objects.get(username="robot"), now=timezone.now()), table(), 0, []
    refused: list[str] = []
    for number, route in enumerate(routes()):
        own = rows.get(route, {})
        if own and number % 3 and not RUN_SLOW:
            continue  # `make test` asks every third address, and those without a row
        for method in METHODS:
            if method in own:
                expected, of = own[method], columns
                if {*expected[OF_PEOPLE:]} == {expected[0]}:  # a page: it does not read tokens, and one of them shows that
                    expected, of = expected[: OF_PEOPLE + 1], columns[: OF_PEOPLE + 1]
            elif RUN_SLOW:
                expected, of = (401 if route.startswith(API) else 405, 405), columns[:2]
            else:
                expected, of = (405,), columns[1:2]  # a RootAdmin: a new method would answer
            given = [asker.ask(method, route, objects) for asker in of]
            asked += len(given)
            answers = tuple(status for status, _ in given)
            if answers != expected:
                if len(of) < len(columns):
                    answers = tuple(asker.ask(method, route, objects)[0] for asker in columns)
                wrong.append(line(method, route, answers))
            refused += [
                f"{COLUMNS[column]} on {route}: {other} {target}"
                for column, (_, offers) in enumerate(given)
                for other, target in offers
                if target in rows and rows[target].get(other, NOT_TAKEN)[column] in (403, 404, 405)
            ]
        if "GET" in own and columns[1].ask("HEAD", route, objects)[0] != own["GET"][1]:
            wrong.append(f"HEAD {route} differs from GET")
    record_property("requests asked", asked)
    assert not wrong, "\n".join([f"These answers differ from {TABLE.name}:", *wrong])
    assert not refused, "\n".join(["These pages offer what they would refuse:", *sorted(refused)])


def test_the_table_has_nothing_else() -> None:
    rows, known = table(), {*routes()}
    assert [route for route in rows if route not in known] == []
    assert [route for route, own in rows.items() if any(len(answers) != len(COLUMNS) for answers in own.values())] == []
    assert [name for name in CONTENT if name.partition(" ")[0] not in rows.get(name.partition(" ")[2], {})] == []
