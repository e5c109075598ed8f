"""Tokens: at most the rights of their owner, within their role, scopes and addresses."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from audit.models import Event
from people.models import ApiToken
from people.roles.groups import role_give
from people.roles.registry import Role
from people.tokens.services import is_whole, token_random
from tests import factories

pytestmark = pytest.mark.django_db
API = "/api/v1/tokens/"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def site(site_directory: Path) -> None:
    """A data directory, so that pages can be asked for."""


def person(name: str, *roles: Role) -> User:
    user = User.objects.create_user(name, password="correct horse battery")
    for role in roles:
        role_give(user, role)
    return user


def call(method: str, path: str, token: str, body: Any = None, *, scheme: str = "Bearer", address: str = "127.0.0.1") -> Any:
    return Client().generic(
        method, path, b"" if body is None else json.dumps(body).encode(), content_type="application/json", secure=True,
        headers={"Authorization": f"{scheme} {token}"}, REMOTE_ADDR=address,
    )  # fmt: skip


def made(user: User, name: str = "script", **fields: Any) -> str:
    return factories.token(user, name, at=timezone.now(), **fields)


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "bearer", "TOKEN"])
def test_a_token_is_recognizable_and_signs_in(scheme: str) -> None:
    token = made(person("ann", Role.VIEWER))
    assert token.startswith("qmc_")
    assert len(token) == 4 + 64 + 8
    assert call("GET", "/api/v1/nodes/", token, scheme=scheme).status_code == 200
    row = ApiToken.objects.get()
    assert token not in str(vars(row))
    assert (row.last_used_from, row.expires_at) == ("127.0.0.1", row.created_at + 90 * DAY)


def test_a_cut_token_is_told_from_an_unknown_one() -> None:
    token = token_random()
    assert is_whole(token)
    assert "not a whole token" in call("GET", API, token[:-1]).json()["detail"]
    assert "not a whole token" in call("GET", API, token[:-9] + "x" + token[-8:]).json()["detail"]
    assert "not a whole token" in call("GET", API, "ä").json()["detail"]
    answer = call("GET", API, token)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert "unknown" in answer.json()["detail"]
    assert "unknown" in call("GET", API, "a" * 64).json()["detail"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"revoked_at": timezone.now()}, "was revoked on"),
        ({"expires_at": timezone.now() - DAY}, "expired on"),
        ({"addresses": ["10.0.0.0/8", "::1/128"]}, "may not be used from 127.0.0.1"),
    ],
)
def test_a_token_that_may_not_be_used_is_refused_with_the_reason(change: dict[str, Any], words: str) -> None:
    token = made(person("ann", Role.VIEWER))
    ApiToken.objects.update(**change)
    answer = call("GET", "/api/v1/nodes/", token)
    assert answer.status_code == 401
    assert words in answer.json()["detail"]
    assert ApiToken.objects.get().last_used_at is None


def test_a_token_of_a_deactivated_account_is_refused() -> None:
    user = person("ann", Role.VIEWER)
    token = made(user)
    User.objects.update(is_active=False)
    assert "deactivated" in call("GET", "/api/v1/nodes/", token).json()["detail"]
    User.objects.update(is_active=True)
    assert call("GET", "/api/v1/nodes/", token).status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.5", "::ffff:10.0.0.5", "fd00::7"])
def test_an_allowed_address_may_use_the_token(address: str) -> None:
    token = made(person("ann", Role.VIEWER), addresses=["10.0.0.0/24", "fd00::/64"])
    assert call("GET", "/api/v1/nodes/", token, address=address).status_code == 200
    assert ApiToken.objects.get().last_used_from == address.removeprefix("::ffff:")


NODE = {"name": "rim1", "host_name": "rim1.example", "address": "10.0.0.5"}


@pytest.mark.parametrize(
    ("role", "scopes", "read", "write"),
    [
        ("", ("read", "write"), 200, 201),
        ("", ("read",), 200, 403),
        ("", ("write",), 403, 201),
        ("", ("calendar",), 403, 403),
        ("", ("accounts",), 403, 403),
        ("Viewer", ("read", "write"), 200, 403),
    ],
)
def test_role_and_scopes_limit_a_token(role: str, scopes: tuple[str, ...], read: int, write: int) -> None:
    token = made(person("ann", Role.DEPLOYMENT_ADMIN, Role.VIEWER), role=role, scopes=scopes)
    assert call("GET", "/api/v1/nodes/", token).status_code == read
    answer = call("POST", "/api/v1/nodes/", token, NODE)
    assert answer.status_code == write
    if write == 403:
        assert ("lacks the scope" if not role else "has the role Viewer") in answer.json()["detail"]


def test_a_role_that_its_owner_loses_is_lost_to_the_token() -> None:
    user = person("ann", Role.DEPLOYMENT_ADMIN)
    token = made(user, role=Role.DEPLOYMENT_ADMIN)
    assert call("POST", "/api/v1/nodes/", token, NODE).status_code == 201
    user.groups.clear()
    assert call("POST", "/api/v1/nodes/", token, NODE | {"name": "rim2", "host_name": "rim2.example"}).status_code == 403


def test_a_person_makes_lists_and_revokes_tokens_of_their_own() -> None:
    user, other = person("ann", Role.VIEWER), person("ben", Role.VIEWER)
    made(other, "of ben")
    mine = made(user, "maker", scopes=("read", "accounts"))
    answer = call("POST", API, mine, {"name": "calendar", "scopes": ["read"], "addresses": ["10.0.0.0/24"]})
    assert answer.status_code == 201
    row = ApiToken.objects.get(name="calendar")
    assert (row.created_with, row.created_by, row.addresses) == (ApiToken.objects.get(name="maker"), user.person, ["10.0.0.0/24"])
    assert call("GET", "/api/v1/nodes/", answer.json()["token"], address="10.0.0.9").status_code == 200
    assert [one["name"] for one in call("GET", API, mine).json()["results"]] == ["calendar", "maker"]
    assert call("GET", f"{API}{ApiToken.objects.get(name='of ben').pk}/", mine).status_code == 404
    assert call("DELETE", f"{API}{row.pk}/", mine).status_code == 204
    assert call("GET", "/api/v1/nodes/", answer.json()["token"], address="10.0.0.9").status_code == 401
    event = Event.objects.get(action="token.revoked")
    assert (event.actor, event.target_label) == ("token maker", "calendar")


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"name": "", "scopes": ["read"]}, "name", ""),
        ({"name": "a", "scopes": ["write"]}, "scopes", "cannot pass on the scope write"),
        ({"name": "a", "scopes": []}, "scopes", "at least one"),
        ({"name": "a", "scopes": ["read", "calendar"]}, "scopes", "excludes all others"),
        ({"name": "a", "scopes": ["root"]}, "scopes.0", "Use: read, write"),
        ({"name": "a", "scopes": ["read"], "role": "SecurityAdmin"}, "role", "does not have the role"),
        ({"name": "a", "scopes": ["read"], "addresses": ["10.0.0.5/8"]}, "addresses", "not an IP address"),
        ({"name": "a", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "at most 366 days"),
        ({"name": "a", "scopes": ["read"], "expires_at": "9999-01-01T00:00:00Z"}, "expires_at", "at most 366 days"),
        ({"name": "a", "scopes": ["read"], "owner": "00000000-0000-0000-0000-000000000007"}, "owner", "no account"),
    ],
)
def test_a_token_gets_no_more_than_the_token_that_makes_it(body: dict[str, Any], field: str, words: str) -> None:
    maker = made(person("ann", Role.VIEWER), "maker", scopes=("read", "accounts"))
    answer = call("POST", API, maker, body)
    assert answer.status_code == 400
    assert [(error["field"], words in error["message"]) for error in answer.json()["errors"]] == [(field, True)]
    assert ApiToken.objects.count() == 1


def test_a_token_with_a_role_passes_on_no_larger_one() -> None:
    root = person("root", *Role)
    maker = made(root, "maker", role=Role.VIEWER, scopes=("read", "accounts"))
    assert call("POST", API, maker, {"name": "same", "scopes": ["read"]}).json()["role"] == "Viewer"
    assert "may do more" in call("POST", API, maker, {"name": "more", "scopes": ["read"], "role": "AuditAdmin"}).json()["detail"]


def test_only_an_administrator_makes_tokens_for_service_accounts() -> None:
    robot = person("robot", Role.DEPLOYMENT_ADMIN)
    body = {"name": "nightly", "owner": str(robot.person.pk), "scopes": ["read"]}
    maker = made(person("ann", Role.SECURITY_ADMIN), "maker", scopes=("read", "accounts"))
    assert "RootAdmin" in call("POST", API, maker, body).json()["detail"]
    answer = call("POST", API, made(person("boss", Role.ROOT_ADMIN), "boss's", scopes=("read", "accounts")), body)
    assert answer.status_code == 201
    assert (answer.json()["owner_name"], answer.json()["created_by"]) == ("robot", "boss")


def test_without_the_scope_no_token_makes_tokens_or_people() -> None:
    token = made(person("boss", Role.ROOT_ADMIN))
    for path, body in ((API, {"name": "a"}), ("/api/v1/people/", {"username": "eve"})):
        answer = call("POST", path, token, body)
        assert (answer.status_code, "lacks the scope accounts" in answer.json()["detail"]) == (403, True)


def test_revoking_reaches_the_tokens_that_were_made_with_it_on_request() -> None:
    boss = person("boss", Role.ROOT_ADMIN)
    first = made(boss, "first", scopes=("read", "accounts"))
    second = call("POST", API, first, {"name": "second", "scopes": ["read", "accounts"]}).json()
    third = call("POST", API, second["token"], {"name": "third", "scopes": ["read"]}).json()
    row = ApiToken.objects.get(name="first")
    client = Client()
    client.force_login(boss)
    assert client.get(f"{API}{row.pk}/", secure=True).json()["created_tokens"] == [second["id"]]
    assert b"second" in client.get(f"/tokens/{row.pk}/revoke/", secure=True).content
    assert client.post(f"/tokens/{row.pk}/revoke/", {"also_created": "on"}, secure=True).status_code == 302
    assert not ApiToken.objects.usable().exists()
    assert call("GET", "/api/v1/nodes/", third["token"]).status_code == 401


def test_the_page_makes_a_token_and_shows_it_once() -> None:
    client, user = Client(), person("ann", Role.VIEWER)
    client.force_login(user)
    fields = {"name": "board", "role": "", "scopes": ["read"], "addresses": "10.0.0.5\n10.1.0.0/16", "days": "30"}
    answer = client.post("/tokens/new/", fields | {"days": "400"}, secure=True)
    assert (answer.status_code, b"A RootAdmin can make one" in answer.content, b"10.1.0.0/16" in answer.content) == (400, True, True)
    answer = client.post("/tokens/new/", fields, secure=True)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    token = answer.content.decode().split('id="token-text">')[1].split("<")[0]
    assert call("GET", "/api/v1/nodes/", token, address="10.1.2.3").status_code == 200
    row = ApiToken.objects.get()
    for path in ("/tokens/", f"/tokens/{row.pk}/", f"/tokens/{row.pk}/revoke/"):
        content = client.get(path, secure=True).content.decode()
        assert "board" in content
        assert token not in content


def test_the_command_gives_scopes_and_an_end() -> None:
    person("ann", Role.VIEWER)
    call_command("create_token", "ann", "--name", "ics", "--scope", "calendar", "--days", "7")
    row = ApiToken.objects.get()
    assert row.expires_at is not None
    assert (row.scopes, row.expires_at - row.created_at) == (["calendar"], 7 * DAY)
    call_command("revoke_token", "ann", "--name", "ics")
    with pytest.raises(CommandError, match="It has none"):
        call_command("revoke_token", "ann", "--name", "ics")
