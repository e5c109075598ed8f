"""`/metrics`: who reads it, and its formats."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from people.models import ApiToken
from people.roles.groups import role_give
from people.roles.registry import Role
from people.tokens.models import Scope
from qmc.metrics import pages
from tests import factories

pytestmark = pytest.mark.django_db
OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.7"


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    pages.database_values_forget()
    yield
    pages.database_values_forget()


def token(*roles: Role, **fields: Any) -> str:
    user = User.objects.create_user("ann")
    for role in roles:
        role_give(user, role)
    return factories.token(user, "prometheus", at=timezone.now(), **{"scopes": [Scope.READ]} | fields)


def read(given: str = "", accept: str = "", **options: Any) -> Any:
    headers = {"Authorization": f"Bearer {given}"} if given else {}
    return Client().get("/metrics", secure=True, headers=headers | {"Accept": accept}, **options)


def test_a_token_reads_both_formats(site_directory: Path) -> None:
    given = token(Role.VIEWER)
    plain, open_metrics = read(given), read(given, OPEN_METRICS)
    assert (plain.status_code, open_metrics.status_code) == (200, 200)
    assert plain["Content-Type"].startswith("text/plain; version=0.0.4")
    assert open_metrics["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert plain["Cache-Control"] == "no-store"
    families = {family.name: family for family in text_string_to_metric_families(plain.content.decode())}
    assert families["qmc_database_up"].samples[0].value == 1
    again = {family.name for family in openmetrics.text_string_to_metric_families(open_metrics.content.decode())}
    assert {name for name in families if name != "qmc_build_info"} | {"qmc_build"} == again
    assert b"ann" not in plain.content.replace(b"cannot", b"")


@pytest.mark.parametrize(
    ("roles", "fields", "status", "said"),
    [
        ([Role.VIEWER], {}, 200, "qmc_nodes"),
        ([Role.VIEWER], {"scopes": [Scope.CALENDAR]}, 403, "lacks the scope read"),
        ([], {}, 403, "It needs the role"),
        ([Role.VIEWER], {"addresses": ["10.0.0.0/8"]}, 401, "may not be used from 127.0.0.1"),
    ],
    ids=["reader", "another scope", "no role", "another address"],
)
def test_a_token_needs_its_scope_and_a_role(
    site_directory: Path, roles: list[Role], fields: dict[str, Any], status: int, said: str
) -> None:
    answer = read(token(*roles, **fields))
    assert (answer.status_code, said in answer.content.decode()) == (status, True), answer.content
    assert answer["Content-Type"].startswith("text/plain")


def test_an_expired_token_is_refused(site_directory: Path) -> None:
    given = token(Role.VIEWER)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(days=1))
    answer = read(given)
    assert (answer.status_code, b"expired" in answer.content) == (401, True)


def test_without_a_token_the_answer_names_both_ways(site_directory: Path) -> None:
    answer = read()
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert "create_token" in answer.content.decode()
    assert "QMC_METRICS_NETWORKS" in answer.content.decode()
    assert Client().get(f"/metrics?token={token(Role.VIEWER)}", secure=True).status_code == 401  # servers log addresses


@pytest.mark.parametrize(
    ("address", "status"), [("10.4.2.7", 200), ("::ffff:10.4.2.7", 200), ("10.4.3.7", 401), ("fd00::7", 200), ("", 401), ("unix", 401)]
)
def test_allowed_addresses_need_no_token(site_directory: Path, settings: Any, address: str, status: int) -> None:
    settings.QMC_METRICS_NETWORKS = ("10.4.2.0/24", "fd00::/64")
    assert read(REMOTE_ADDR=address).status_code == status


def test_a_header_does_not_change_the_address(site_directory: Path, settings: Any) -> None:
    settings.QMC_METRICS_NETWORKS = ("10.4.2.0/24",)
    assert Client().get("/metrics", secure=True, headers={"X-Forwarded-For": "10.4.2.7"}).status_code == 401


def test_many_scrapes_read_the_database_once(site_directory: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.QMC_METRICS_NETWORKS, calls, original = ("127.0.0.0/8",), [], pages.values
    monkeypatch.setattr(pages, "values", lambda now: calls.append(now) or original(now))
    assert {read().status_code for _ in range(3)} == {200}
    assert len(calls) == 1


def test_without_the_database_the_answer_says_so(site_directory: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.QMC_METRICS_NETWORKS = ("127.0.0.0/8",)

    def unavailable(now: object) -> Any:
        raise OperationalError("unable to open database file")

    monkeypatch.setattr(pages, "values", unavailable)
    answer = read()
    assert (answer.status_code, b"qmc_database_up 0.0" in answer.content, b"qmc_nodes" in answer.content) == (200, True, False)


def test_only_reading_is_possible(site_directory: Path, client: Client) -> None:
    assert client.post("/metrics", secure=True).status_code in (403, 405)
