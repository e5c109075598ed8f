"""Which channels get an alert, and when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.models import Channel
from alerts.routes.matching import due_at, matches, routed
from alerts.routes.models import Route
from attention.needs import Severity

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)  # a Monday
OPS, CHAT = Channel(name="ops"), Channel(name="chat")


def route(channel: Channel = OPS, **fields: Any) -> Route:
    return Route(channel=channel, **{"least_severity": "warning"} | fields)


def channels(*routes: Route, code: str = "node-silent", subject: str = "", severity: Severity = Severity.CRITICAL) -> dict[str, datetime]:
    return {
        target.channel.name: target.due_at for target in routed([OPS, CHAT], routes, code=code, subject=subject, severity=severity, at=NOW)
    }


MATCHES = [
    pytest.param({}, "node-silent", "warning", True, id="every code"),
    pytest.param({}, "node-silent", "info", False, id="not severe enough"),
    pytest.param({"least_severity": "info"}, "x", "info", True, id="all severities"),
    pytest.param({"codes": ["backup-old"]}, "node-silent", "critical", False, id="another code"),
    pytest.param({"codes": ["backup-old", "node-silent"]}, "node-silent", "critical", True, id="one of its codes"),
    pytest.param({"codes": ["node-*"]}, "node-silent", "critical", True, id="the beginning of a code"),
    pytest.param({"codes": ["node-*"]}, "no-node-calls", "critical", False, id="not the beginning"),
]


@pytest.mark.parametrize(("fields", "code", "severity", "expected"), MATCHES)
def test_what_a_route_takes(fields: dict[str, Any], code: str, severity: str, expected: bool) -> None:
    assert matches(route(**fields), code, Severity(severity)) is expected


def test_a_channel_without_routes_gets_warnings_at_any_hour() -> None:
    assert channels() == {"ops": NOW, "chat": NOW}
    assert channels(severity=Severity.INFO) == {}
    assert channels(route(codes=["backup-old"])) == {"chat": NOW}


def test_the_alert_that_a_channel_fails_goes_to_the_others() -> None:
    assert channels(code="channel-failing", subject="ops") == {"chat": NOW}


HOURS = [
    pytest.param({}, NOW, id="always"),
    pytest.param({"from_minute": 660, "until_minute": 780}, NOW, id="in its hours"),
    pytest.param({"from_minute": 780, "until_minute": 840}, NOW + timedelta(hours=1), id="later today"),
    pytest.param({"from_minute": 480, "until_minute": 720}, NOW + timedelta(hours=20), id="its end is not in its hours"),
    pytest.param({"from_minute": 1320, "until_minute": 360}, NOW + timedelta(hours=10), id="hours over midnight"),
    pytest.param({"from_minute": 1320, "until_minute": 780}, NOW, id="in hours since yesterday"),
    pytest.param({"days": [2]}, NOW + timedelta(hours=36), id="the beginning of Wednesday"),
    pytest.param({"days": [0], "from_minute": 480, "until_minute": 600}, NOW + timedelta(days=6, hours=20), id="a week later"),
    pytest.param(
        {"from_minute": 480, "until_minute": 600, "time_zone": "America/New_York"}, NOW + timedelta(hours=1), id="morning in New York"
    ),
]


@pytest.mark.parametrize(("fields", "expected"), HOURS)
def test_hours(fields: dict[str, Any], expected: datetime) -> None:
    assert due_at(route(**fields), NOW) == expected


@given(
    minutes=st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda pair: pair[0] != pair[1]),
    days=st.lists(st.integers(0, 6), unique=True),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
    at=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001  (hypothesis adds the zone)
)
def test_a_message_waits_at_most_a_week_and_its_time_is_in_the_hours(
    minutes: tuple[int, int], days: list[int], zone: str, at: datetime
) -> None:
    found, moment = route(from_minute=minutes[0], until_minute=minutes[1], days=days, time_zone=zone), at.replace(tzinfo=UTC)
    due = due_at(found, moment)
    assert moment <= due <= moment + timedelta(days=8)
    assert due_at(found, due) == due
