"""Alerts in the REST API: what is asked for is there, who may not is told so, and secrets go in and never out."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from alerts.models import Channel, Route
from tests import factories
from tests.problems import error_fields

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
API = "/api/v1/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    """An administrator's."""
    return factories.administrator()


@pytest.fixture
def channel() -> Channel:
    return Channel.objects.create(name="Operations", kind="webhook", created_at=NOW, changed_at=NOW)


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    return client.generic(
        method, API + path, b"" if body is None else json.dumps(body).encode(), content_type="application/json", secure=True
    )


def with_permission(client: Client, name: str) -> None:
    """Sign in as an account that has this permission alone."""
    eve, _ = User.objects.get_or_create(username="eve")
    app, _, codename = name.partition(".")
    eve.user_permissions.set([Permission.objects.get(content_type__app_label=app, codename=codename)])
    client.force_login(eve)


def test_a_route_is_created_shown_changed_and_deleted(client: Client, channel: Channel) -> None:
    created = send(
        client, "POST", "alert-routes/", {"channel": str(channel.pk), "codes": ["node-*"], "from_minute": 480, "until_minute": 1020}
    )
    assert created.status_code == 201
    route = created.json()
    assert (route["channel_name"], route["least_severity"], route["codes"], route["days"], route["time_zone"]) == (
        "Operations", "warning", ["node-*"], [], "UTC",
    )  # fmt: skip
    one = f"alert-routes/{route['id']}/"
    assert send(client, "GET", one).json() == route
    assert send(client, "GET", "alert-routes/").json() == {"results": [route], "next": None}
    changed = send(client, "PATCH", one, {"from_minute": None, "until_minute": None, "days": [6, 5]})
    assert changed.json() == route | {"from_minute": None, "until_minute": None, "days": [5, 6]}
    assert (send(client, "DELETE", one).status_code, Route.objects.count()) == (204, 0)
    assert send(client, "GET", one).status_code == 404


ROUTES = {
    "an unknown channel": ({"channel": str(uuid.UUID(int=7))}, ["channel"]),
    "no channel": ({}, ["channel"]),
    "an unknown field": ({"channel": str(uuid.UUID(int=7)), "hours": "9-17"}, ["hours"]),
    "a day as a text": ({"channel": str(uuid.UUID(int=7)), "days": ["Monday"]}, ["days"]),
    "a severity": ({"channel": str(uuid.UUID(int=7)), "least_severity": "fatal"}, ["least_severity"]),
}


@pytest.mark.parametrize(("body", "fields"), ROUTES.values(), ids=ROUTES.keys())
def test_an_invalid_route_is_refused_by_field(client: Client, body: dict[str, Any], fields: list[str]) -> None:
    answer = send(client, "POST", "alert-routes/", body)
    assert (answer.status_code, error_fields(answer.json())) == (400, fields)


def test_the_service_s_errors_are_answered_by_field(client: Client, channel: Channel) -> None:
    answer = send(client, "POST", "alert-routes/", {"channel": str(channel.pk), "codes": ["no-code"], "days": [7], "time_zone": "x"})
    assert (answer.status_code, error_fields(answer.json())) == (400, ["codes", "days", "time_zone"])


DOORS = {
    "GET alert-routes/": "alerts.view_route",
    "POST alert-routes/": "alerts.add_route",
    "GET alert-routes/{route}/": "alerts.view_route",
    "PATCH alert-routes/{route}/": "alerts.change_route",
    "DELETE alert-routes/{route}/": "alerts.delete_route",
}
BODIES: dict[str, Any] = {"POST alert-routes/": {"channel": "{channel}"}}


@pytest.mark.parametrize("door", DOORS)
def test_each_operation_needs_its_permission(client: Client, channel: Channel, door: str) -> None:
    route = Route.objects.create(channel=channel, created_at=NOW)
    rows = {"{channel}": str(channel.pk), "{route}": str(route.pk)}
    method, _, path = door.partition(" ")
    body = BODIES.get(door, {})
    for name, pk in rows.items():
        path, body = path.replace(name, pk), {field: pk if value == name else value for field, value in body.items()}
    for name in sorted({*DOORS.values()} - {DOORS[door]}):
        with_permission(client, name)
        refused = send(client, method, path, body)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:trust-zone:permission-refused"), name
    with_permission(client, DOORS[door])
    assert send(client, method, path, body).status_code in (200, 201, 202, 204)
