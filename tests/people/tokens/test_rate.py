"""A token may send so many requests in a minute, in all processes together."""

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from people.models import Guesses
from people.tokens import rate
from people.tokens.rate import request_count
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now()
LIMIT = 40  # so a process takes two at once


@pytest.fixture(autouse=True)
def limit(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.QMC_TOKEN_REQUESTS = LIMIT
    monkeypatch.setattr(rate, "_held", type(rate._held)())


def allowed(token: uuid.UUID, times: int, **later: int) -> int:
    """How many of these requests may be sent."""
    counted = [request_count(token, now=NOW + timedelta(**later)) for _ in range(times)]
    return sum(not one.is_over for one in counted if one)


def test_the_limit_ends_with_its_minute() -> None:
    token, other = uuid.uuid4(), uuid.uuid4()
    assert (allowed(token, 50), allowed(token, 9, seconds=59), allowed(other, 9)) == (LIMIT, 0, 9)
    assert allowed(token, 50, seconds=60) == LIMIT


def test_processes_count_together_and_never_exceed_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    token, held = uuid.uuid4(), [type(rate._held)() for _ in range(3)]
    sent = 0
    for number in range(100):
        monkeypatch.setattr(rate, "_held", held[number % 3])
        sent += allowed(token, 1, seconds=number % 3)
    assert sent == LIMIT


def test_a_process_that_uses_little_holds_one_share_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    token = uuid.uuid4()
    assert allowed(token, 1) == 1
    monkeypatch.setattr(rate, "_held", type(rate._held)())
    assert allowed(token, 100) == LIMIT - LIMIT // rate.SHARES


def test_most_requests_write_nothing(django_assert_num_queries: Any) -> None:
    token = uuid.uuid4()
    allowed(token, 1)
    with django_assert_num_queries(0):
        allowed(token, 1)
    allowed(token, 100)
    with django_assert_num_queries(0):
        assert allowed(token, 100) == 0


@pytest.mark.parametrize(("moved", "counted"), [(timedelta(hours=-1), LIMIT), (timedelta(seconds=-5), 0)])
def test_a_clock_that_was_set_back_delays_nothing(moved: timedelta, counted: int) -> None:
    token = uuid.uuid4()
    allowed(token, LIMIT)
    assert sum(not one.is_over for one in (request_count(token, now=NOW + moved) for _ in range(LIMIT)) if one) == counted


def test_nothing_is_counted_while_the_database_takes_no_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(rate, "counts_take", full)
    assert request_count(uuid.uuid4(), now=NOW) is None


def test_every_answer_says_how_many_requests_are_left(site_directory: Path) -> None:
    token = factories.token(factories.root_admin("ann"), "nightly", at=timezone.now())
    answers = [
        Client().get(f"/api/v1/{path}", secure=True, headers={"Authorization": f"Bearer {token}"})
        for path in ("nodes/", f"nodes/{uuid.uuid4()}/", "nodes/?x=1")
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 400]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"token";q=40;w=60'}
    assert [answer["RateLimit"].partition(";t=")[0] for answer in answers] == [f'"token";r={left}' for left in (39, 38, 37)]
    Guesses.objects.update(count=LIMIT)
    refused = [
        Client().post("/api/v1/nodes/", b"{}", content_type="application/json", secure=True, headers={"Authorization": f"Bearer {token}"})
        for _ in range(3)
    ][-1]
    assert (refused.status_code, refused.json()["type"], refused["RateLimit"][:11]) == (
        429,
        "urn:trust-zone:too-many-requests",
        '"token";r=0',
    )
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused["X-Request-Id"]


def test_a_session_has_no_limit(site_directory: Path) -> None:
    answer = factories.administrator().get("/api/v1/nodes/", secure=True)
    assert (answer.status_code, answer.has_header("RateLimit")) == (200, False)


def test_zero_is_no_limit(settings: Any) -> None:
    settings.QMC_TOKEN_REQUESTS = 0
    assert request_count(uuid.uuid4(), now=NOW) is None
