"""The rules of alerts are checked by field, and the watchdog URL stays secret."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from alerts.errors import InputInvalid
from alerts.models import Rules
from alerts.rules.models import rules_current
from alerts.rules.services import rules_change
from audit.actors import SYSTEM, Actor, PermissionRefused
from audit.event_lines import line
from audit.models import Event
from certs.models import TrustZone
from tests.whole_log import verify

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
URL = "https://hc.example/ping/4f2c-secret"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def zone() -> TrustZone:
    return TrustZone.objects.create(name="central.example", created_at=NOW, founded_at=NOW)


def change(**changes: Any) -> Rules:
    return rules_change(actor=SYSTEM, now=NOW, **changes)


def test_thresholds_are_stored_as_numbers_the_first_one_first() -> None:
    change(thresholds={"root": [30, 365, 90.5], "token": [7]})
    assert rules_current().thresholds == {"root": [365.0, 90.5, 30.0], "token": [7.0]}
    change(thresholds={"token": [0.5, 3650], "export": []})
    assert rules_current().thresholds == {"token": [3650.0, 0.5], "export": []}


INVALID = {
    "a kind": ({"thresholds": {"passport": [30]}}, "thresholds"),
    "eleven thresholds": ({"thresholds": {"root": [*range(1, 12)]}}, "thresholds"),
    "one threshold twice": ({"thresholds": {"root": [30, 30.0]}}, "thresholds"),
    "less than half a day": ({"thresholds": {"root": [0.4]}}, "thresholds"),
    "more than ten years": ({"thresholds": {"root": [3651]}}, "thresholds"),
    "not a number": ({"thresholds": {"root": [float("nan")]}}, "thresholds"),
    "another scheme": ({"watchdog_url": "ftp://hc.example/ping"}, "watchdog_url"),
    "no scheme": ({"watchdog_url": "hc.example/ping"}, "watchdog_url"),
    "no host": ({"watchdog_url": "https:///ping"}, "watchdog_url"),
    "a port out of range": ({"watchdog_url": "https://hc.example:99999/"}, "watchdog_url"),
    "port 0": ({"watchdog_url": "https://hc.example:0/"}, "watchdog_url"),
    "a bracket": ({"watchdog_url": "https://[hc.example/"}, "watchdog_url"),
    "a password before the host": ({"watchdog_url": "https://me:secret@hc.example/"}, "watchdog_url"),
    "a space": ({"watchdog_url": "https://hc.example/a b"}, "watchdog_url"),
    "a line break": ({"watchdog_url": "https://hc.example/\r\nHost: x"}, "watchdog_url"),
    "another script": ({"watchdog_url": "https://hç.example/"}, "watchdog_url"),
    "too long": ({"watchdog_url": "https://hc.example/" + "x" * 2000}, "watchdog_url"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "field"), INVALID.values(), ids=INVALID.keys())
def test_what_is_invalid_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        change(**changes)
    assert [*refused.value.errors] == [field]
    assert "secret" not in str(refused.value)
    assert not Event.objects.exists()


def test_the_watchdog_url_is_encrypted_and_in_no_event() -> None:
    Rules.objects.create(watchdog_called_at=NOW, watchdog_error="no answer")
    change(watchdog_url=URL)
    rules = rules_current()
    assert rules.watchdog_url is not None
    assert (rules.watchdog_url.text(), rules.watchdog_called_at, rules.watchdog_error) == (URL, None, "")
    assert b"4f2c" not in bytes(rules.watchdog_url.sealed)
    change(thresholds={"root": [30]})
    change(watchdog_url="")
    assert rules_current().watchdog_url is None
    change(watchdog_url=None)
    change(thresholds={"root": [30]})
    details = [event.detail for event in Event.objects.order_by("sequence")]
    assert details == [{"watchdog_url": "set"}, {"thresholds": {"from": {}, "to": {"root": [30.0]}}}, {"watchdog_url": "cleared"}]
    assert "4f2c" not in json.dumps(details)
    assert [line(event).text for event in Event.objects.order_by("sequence")] == [
        "Rules of alerts changed: watchdog URL", "Rules of alerts changed: expiry thresholds", "Rules of alerts changed: watchdog URL",
    ]  # fmt: skip
    verify()


def test_a_change_needs_its_permission() -> None:
    with pytest.raises(PermissionRefused):
        rules_change(actor=Actor("user", "eve", User.objects.create_user("eve")), now=NOW, thresholds={})
