"""Routes are checked by field, and each change is in the audit log."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from alerts.errors import InputInvalid
from alerts.models import Channel, Route
from alerts.routes.matching import code_matches
from alerts.routes.services import route_change, route_create, route_delete
from attention.needs import Severity
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.event_lines import line
from audit.models import Event

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def channel() -> Channel:
    return Channel.objects.create(name="Operations", kind="webhook", created_at=NOW, changed_at=NOW)


def make(channel: Channel, **fields: Any) -> Route:
    return route_create(actor=SYSTEM, now=NOW, channel=channel, **fields)


def events() -> list[tuple[str, Any]]:
    return list(Event.objects.order_by("sequence").values_list("action", "detail"))


def test_a_route_without_fields_takes_warnings_of_every_code_at_any_hour(channel: Channel) -> None:
    route = Route.objects.get(pk=make(channel).pk)
    assert (route.least_severity, route.codes, route.days, route.from_minute, route.until_minute, route.time_zone) == (
        Severity.WARNING, [], [], None, None, "UTC",
    )  # fmt: skip


def test_lists_are_stored_sorted_and_once(channel: Channel) -> None:
    route = make(channel, codes=["root-expired", "node-*", "root-expired"], days=[4, 0, 4])
    assert (route.codes, route.days) == (["node-*", "root-expired"], [0, 4])


VALID = {
    "all codes": {"codes": ["*"]},
    "hours over midnight": {"from_minute": 22 * 60, "until_minute": 6 * 60, "time_zone": "America/New_York"},
    "the first and the last minute": {"from_minute": 0, "until_minute": 1439},
    "every day": {"days": [*range(7)]},
    "information": {"least_severity": "info"},
}
INVALID = {
    "a severity": ({"least_severity": "fatal"}, "least_severity"),
    "a code": ({"codes": ["node-silent", "no-such-code"]}, "codes"),
    "the beginning of no code": ({"codes": ["nodes-*"]}, "codes"),
    "an asterisk in the middle": ({"codes": ["node-*-failed"]}, "codes"),
    "an empty code": ({"codes": [""]}, "codes"),
    "the eighth day": ({"days": [7]}, "days"),
    "a day before Monday": ({"days": [-1]}, "days"),
    "a beginning without an end": ({"from_minute": 60}, "from_minute"),
    "an end without a beginning": ({"until_minute": 0}, "from_minute"),
    "the end of the day": ({"from_minute": 60, "until_minute": 1440}, "from_minute"),
    "a minute before the day": ({"from_minute": -1, "until_minute": 60}, "from_minute"),
    "hours of no length": ({"from_minute": 60, "until_minute": 60}, "from_minute"),
    "a time zone": ({"time_zone": "Mars/Olympus"}, "time_zone"),
    "a time zone in small letters": ({"time_zone": "europe/berlin"}, "time_zone"),
    "no time zone": ({"time_zone": ""}, "time_zone"),
    "a path as a time zone": ({"time_zone": "../../etc/localtime"}, "time_zone"),
    "the time zone of the machine": ({"time_zone": "localtime"}, "time_zone"),
}  # fmt: skip


@pytest.mark.parametrize("fields", VALID.values(), ids=VALID.keys())
def test_what_is_valid_is_stored(channel: Channel, fields: dict[str, Any]) -> None:
    made = Route.objects.get(pk=make(channel, **fields).pk)
    assert {name: getattr(made, name) for name in fields} == fields


@pytest.mark.parametrize(("fields", "field"), INVALID.values(), ids=INVALID.keys())
def test_what_is_invalid_is_refused_by_field(channel: Channel, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        make(channel, **fields)
    assert [*refused.value.errors] == [field]
    route = make(channel)
    with pytest.raises(InputInvalid):
        route_change(actor=SYSTEM, route=route, now=NOW, **fields)
    assert Route.objects.values_list("codes", "days", "from_minute", "time_zone").get() == ([], [], None, "UTC")


def test_every_wrong_field_is_named(channel: Channel) -> None:
    with pytest.raises(InputInvalid) as refused:
        make(channel, codes=["x"], days=[9], time_zone="x")
    assert {*refused.value.errors} == {"codes", "days", "time_zone"}


def test_each_change_is_one_event_with_its_words(channel: Channel) -> None:
    route = make(channel, codes=["node-*"])
    other = Channel.objects.create(name="Night", kind="mail", created_at=NOW, changed_at=NOW)
    route_change(actor=SYSTEM, route=route, now=NOW, channel=other, days=[5, 6], codes=["node-*"])
    route_change(actor=SYSTEM, route=route, now=NOW, days=[6, 5])
    route_delete(actor=SYSTEM, route=route, now=NOW)
    route_delete(actor=SYSTEM, route=Route(pk=uuid.uuid4(), channel=other), now=NOW)
    created, changed, deleted = events()
    assert (created[0], created[1]["channel"], created[1]["codes"]) == ("route.created", "Operations", ["node-*"])
    assert changed == ("route.changed", {"channel": {"from": "Operations", "to": "Night"}, "days": {"from": [], "to": [5, 6]}})
    assert deleted[0] == "route.deleted"
    assert [line(event).text for event in Event.objects.order_by("sequence")] == ["Route created", "Route changed", "Route deleted"]


def test_a_deleted_channel_or_route_is_named(channel: Channel) -> None:
    route = make(channel)
    gone = Channel(pk=uuid.uuid4(), name="gone")
    for attempt in (lambda: make(gone), lambda: route_change(actor=SYSTEM, route=route, now=NOW, channel=gone)):
        with pytest.raises(InputInvalid) as refused:
            attempt()
        assert [*refused.value.errors] == ["channel"]
    channel.delete()
    with pytest.raises(InputInvalid) as refused:
        route_change(actor=SYSTEM, route=route, now=NOW, days=[1])
    assert [*refused.value.errors] == ["route"]


@pytest.mark.parametrize("action", ["add", "change", "delete"])
def test_each_action_needs_its_permission(channel: Channel, action: str) -> None:
    eve, route = Actor("user", "eve", User.objects.create_user("eve")), make(channel)
    attempts: dict[str, Callable[[], object]] = {
        "add": lambda: route_create(actor=eve, now=NOW, channel=channel),
        "change": lambda: route_change(actor=eve, route=route, now=NOW, days=[1]),
        "delete": lambda: route_delete(actor=eve, route=route, now=NOW),
    }
    with pytest.raises(PermissionRefused) as refused:
        attempts[action]()
    assert refused.value.permission == f"alerts.{action}_route"
    assert Route.objects.values_list("days", flat=True).get() == []


@pytest.mark.parametrize(
    ("pattern", "code", "matches"),
    [("node-*", "node-silent", True), ("node-*", "no-node-calls", False), ("*", "x", True), ("node-silent", "node-silent", True), ("node", "node-silent", False)],
)  # fmt: skip
def test_a_pattern_is_a_code_or_its_beginning(pattern: str, code: str, matches: bool) -> None:
    assert code_matches(pattern, code) is matches
