"""Alerts in the REST API: what is asked for is there, who may not is told so, and secrets go in and never out."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.channels.services import channel_create
from alerts.models import Alert, Channel, Delivery, Message, QueuedMessage, Route
from alerts.states import AlertState
from audit.actors import SYSTEM
from audit.models import Event
from certs.models import TrustZone
from tests import factories
from tests.problems import error_fields

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
API = "/api/v1/"
TOKEN = "t0ken-of-the-receiver"
pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    """An administrator's."""
    return factories.administrator()


@pytest.fixture
def channel() -> Channel:
    return channel_create(
        actor=SYSTEM, name="Operations", kind="webhook", values={"url": "https://hooks.example/qmc", "token": TOKEN}, now=NOW
    )


@pytest.fixture
def alert() -> Alert:
    return opened()


def opened(subject: str = "rim1", **fields: Any) -> Alert:
    """An open alert with its first message."""
    facts = {"severity": "critical", "title": f"{subject} has not called for 3 h", "text": "why", "remedy": "what to do"} | fields
    code = facts.pop("code", "node-silent")
    made = Alert.objects.create(code=code, subject=subject, opened_at=NOW, changed_at=NOW, **facts)
    Message.objects.create(
        number=0, alert=made, change="opened", at=NOW, **{name: facts[name] for name in ("severity", "title", "text", "remedy")}
    )
    return made


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


MAIL = {"recipients": "ops@site.example", "sender": "qmc@site.example", "host": "mail.site.example", "username": "qmc", "password": TOKEN}
HOOK = {"url": "https://hooks.example/qmc"}


def test_a_channel_is_created_shown_changed_and_deleted(client: Client) -> None:
    answer = send(client, "POST", "alert-channels/", {"name": "Mail", "kind": "mail", "values": MAIL})
    assert (answer.status_code, answer.json().pop("generated_secrets")) == (201, {})
    channel = {name: value for name, value in answer.json().items() if name != "generated_secrets"}
    assert (channel["secrets_set"], channel["address"], channel["values"]["port"]) == ({"password": True}, "ops@site.example", "587")
    assert "password" not in channel["values"]
    one = f"alert-channels/{channel['id']}/"
    assert send(client, "GET", one).json() == channel
    assert send(client, "GET", "alert-channels/").json() == {"results": [channel], "next": None}
    changed = send(client, "PATCH", one, {"values": {"port": "465", "security": "tls", "password": "another"}, "enabled": False}).json()
    assert (changed["values"]["port"], changed["enabled"], changed["name"]) == ("465", False, "Mail")
    changed = send(client, "PATCH", one, {"values": {"username": "", "password": None}}).json()
    assert (changed["secrets_set"], changed["values"]["username"]) == ({"password": False}, "")
    assert (send(client, "DELETE", one).status_code, Channel.objects.count()) == (204, 0)


def test_secrets_are_in_no_answer_and_a_generated_one_is_answered_once(client: Client) -> None:
    created = send(client, "POST", "alert-channels/", {"name": "Hook", "kind": "webhook", "values": HOOK | {"token": TOKEN}})
    secret = created.json()["generated_secrets"]["secret"]
    assert secret.startswith("whsec_")
    assert created.json()["secrets_set"] == {"token": True, "secret": True}
    one = f"alert-channels/{created.json()['id']}/"
    others = [send(client, "GET", one), send(client, "PATCH", one, {"name": "Hook 2"}), send(client, "GET", "alert-channels/")]
    others.append(send(client, "PATCH", one, {"values": {"url": "https://elsewhere.example/"}}))
    assert [answer.status_code for answer in others] == [200, 200, 200, 400]
    assert not any(secret in answer.content.decode() for answer in others)
    assert not any(TOKEN in answer.content.decode() for answer in [created, *others])
    assert not any(secret in str(event.detail) or TOKEN in str(event.detail) for event in Event.objects.all())
    given = send(client, "POST", "alert-channels/", {"name": "Third", "kind": "webhook", "values": HOOK | {"secret": secret}})
    assert (given.status_code, given.json()["generated_secrets"]) == (201, {})


CHANNELS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown kind": ({"name": "x", "kind": "pigeon", "values": {}}, ["kind"]),
    "no values": ({"name": "x", "kind": "webhook"}, ["values"]),
    "an unknown value": ({"name": "x", "kind": "webhook", "values": HOOK | {"path": "/"}}, ["values.path"]),
    "a value that is no text": ({"name": "x", "kind": "webhook", "values": {"url": 7}}, ["values.url"]),
    "a wrong value": ({"name": "x", "kind": "webhook", "values": {"url": "ftp://hooks.example"}}, ["values.url"]),
    "half a character as a name": ({"name": "x", "kind": "webhook", "values": HOOK | {"\ud800": "x"}}, ["values.\ud800"]),
    "NUL in a value": ({"name": "x", "kind": "webhook", "values": {"url": "https://hooks.example/\0"}}, ["values.url"]),
    "many values": ({"name": "x", "kind": "webhook", "values": {str(number): "" for number in range(21)}}, ["values"]),
    "a name with a line break": ({"name": "x\ny", "kind": "webhook", "values": HOOK}, ["name"]),
    "the name of another": ({"name": "OPERATIONS", "kind": "webhook", "values": HOOK}, ["name"]),
    "an unknown state change": ({"name": "x", "kind": "webhook", "values": HOOK, "state_changes": ["people"]}, ["state_changes.0"]),
    "state changes by mail": ({"name": "x", "kind": "mail", "values": MAIL, "state_changes": ["nodes"]}, ["state_changes"]),
}  # fmt: skip


@pytest.mark.parametrize(("body", "fields"), CHANNELS.values(), ids=CHANNELS.keys())
def test_an_invalid_channel_is_refused_by_field(client: Client, channel: Channel, body: dict[str, Any], fields: list[str]) -> None:
    answer = send(client, "POST", "alert-channels/", body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, fields)


def test_the_kind_of_a_channel_cannot_be_changed(client: Client, channel: Channel) -> None:
    answer = send(client, "PATCH", f"alert-channels/{channel.pk}/", {"kind": "mail"})
    assert (answer.status_code, error_fields(answer.json())) == (400, ["kind"])


def test_a_channel_of_a_newer_version_is_shown_and_can_be_deleted(client: Client, channel: Channel) -> None:
    Channel.objects.filter(pk=channel.pk).update(kind="pigeon", secrets=None)
    for address in ("/api/v1/alert-channels/", f"/api/v1/alert-channels/{channel.pk}/"):
        assert client.get(address, secure=True).status_code == 200
    address = f"/api/v1/alert-channels/{channel.pk}/"
    refused = client.patch(address, {"values": {"url": "https://x.example"}}, content_type="application/json", secure=True)
    assert refused.status_code == 400
    assert client.delete(address, secure=True).status_code == 204


def test_a_test_message_is_queued_and_listed(client: Client, channel: Channel) -> None:
    answer = send(client, "POST", f"alert-channels/{channel.pk}/test/", {})
    assert (answer.status_code, answer.json()["state"], answer.json()["is_test"]) == (202, "waiting", True)
    Delivery.objects.create(channel=channel, state="sent", title="rim1", created_at=NOW - timedelta(days=9), changed_at=NOW)
    listed = send(client, "GET", f"alert-channels/{channel.pk}/deliveries/").json()["results"]
    assert [(row["title"], row["state"], row["is_test"]) for row in listed] == [
        ("Test message from ann", "waiting", True), ("rim1", "sent", False),
    ]  # fmt: skip
    assert send(client, "GET", f"alert-channels/{uuid.UUID(int=7)}/deliveries/").status_code == 404


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


def test_alerts_are_listed_by_state_severity_code_and_text(client: Client) -> None:
    opened("rim1")
    opened("rim2", state=AlertState.ACKNOWLEDGED)
    opened("rim3", state=AlertState.CLOSED, severity="warning")
    opened("the root", code="root-expired", title="The root has expired")
    searches = {
        "": ["rim1", "rim2", "rim3", "the root"], "state=open": ["rim1", "the root"], "state=unclosed": ["rim1", "rim2", "the root"],
        "state=closed": ["rim3"], "severity=critical&state=open": ["rim1", "the root"], "code=root-expired": ["the root"], "search=RIM2": ["rim2"],
        "search=expired": ["the root"],
    }  # fmt: skip
    for query, subjects in searches.items():
        found = send(client, "GET", f"alerts/?{query}").json()["results"]
        assert sorted(row["subject"] for row in found) == subjects, query


@pytest.mark.parametrize("query", ["state=shut", "severity=fatal", "code=no-code", "status=open"])
def test_an_unknown_search_is_refused(client: Client, query: str) -> None:
    answer = send(client, "GET", f"alerts/?{query}")
    assert (answer.status_code, error_fields(answer.json())) == (400, [query.partition("=")[0]])


def test_an_alert_says_where_each_message_was_sent(client: Client, alert: Alert, channel: Channel) -> None:
    delivery = Delivery.objects.create(channel=channel, state="sent", title="x", created_at=NOW, changed_at=NOW)
    night = Channel.objects.create(name="Night", kind="mail", created_at=NOW, changed_at=NOW)
    message = alert.messages.get()
    QueuedMessage.objects.create(message=message, channel=channel, due_at=NOW, delivery=delivery)
    QueuedMessage.objects.create(message=message, channel=night, due_at=NOW + timedelta(hours=8))
    shown = send(client, "GET", f"alerts/{alert.pk}/").json()
    assert (shown["code"], shown["state"], shown["opened_at"]) == ("node-silent", "open", "2026-11-30T12:00:00Z")
    (shown_message,) = shown["messages"]
    assert (shown_message["change"], shown_message["title"], shown_message["note"]) == ("opened", "rim1 has not called for 3 h", "")
    assert [(row["channel_name"], row["due_at"], row["delivery"], row["state"]) for row in shown_message["deliveries"]] == [
        ("Operations", "2026-11-30T12:00:00Z", str(delivery.pk), "sent"), ("Night", "2026-11-30T20:00:00Z", None, "waiting"),
    ]  # fmt: skip


def test_an_alert_is_acknowledged_with_a_note_and_an_end(client: Client, alert: Alert) -> None:
    until = (timezone.now() + timedelta(days=2)).isoformat()
    answer = send(client, "POST", f"alerts/{alert.pk}/acknowledge/", {"note": "I replace the disk.", "until": until})
    shown = answer.json()
    assert (answer.status_code, shown["state"], shown["acknowledged_by"], shown["note"]) == (
        200,
        "acknowledged",
        "ann",
        "I replace the disk.",
    )
    assert (shown["messages"][0]["change"], shown["messages"][0]["actor"], shown["messages"][0]["note"]) == (
        "acknowledged", "ann", "I replace the disk.",
    )  # fmt: skip
    assert send(client, "POST", f"alerts/{alert.pk}/acknowledge/", {}).json()["acknowledged_until"] is None


ACKNOWLEDGED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an end in the past": ({"until": "2020-01-01T00:00:00Z"}, ["until"]),
    "an end that is no time": ({"until": "tomorrow"}, ["until"]),
    "a long note": ({"note": "x" * 501}, ["note"]),
    "an unknown field": ({"reason": "x"}, ["reason"]),
}


@pytest.mark.parametrize(("body", "fields"), ACKNOWLEDGED.values(), ids=ACKNOWLEDGED.keys())
def test_an_invalid_acknowledgement_is_refused_by_field(client: Client, alert: Alert, body: dict[str, Any], fields: list[str]) -> None:
    answer = send(client, "POST", f"alerts/{alert.pk}/acknowledge/", body)
    assert (answer.status_code, error_fields(answer.json())) == (400, fields)
    assert Alert.objects.get().state == AlertState.OPEN


def test_a_closed_alert_cannot_be_acknowledged(client: Client) -> None:
    answer = send(client, "POST", f"alerts/{opened(state=AlertState.CLOSED).pk}/acknowledge/", {})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:trust-zone:alert-not-now")


URL = "https://hc.example:8443/ping/4f2c"


@pytest.fixture
def zone() -> TrustZone:
    return TrustZone.objects.create(name="central.example", created_at=NOW, founded_at=NOW)


def test_the_rules_are_shown_and_changed_without_the_watchdog_url(client: Client, zone: TrustZone) -> None:
    before = send(client, "GET", "settings/alerts/").json()
    assert (before["thresholds"]["root"], before["thresholds"]["backup"]) == ([90, 30, 14, 7, 3, 1], [])
    assert (before["watchdog"]["url_set"], before["watchdog"]["host"]) == (False, "")
    answer = send(client, "PUT", "settings/alerts/", {"thresholds": {"root": [30, 365.5], "token": []}, "watchdog_url": URL})
    after = answer.json()
    assert (after["thresholds"]["root"], after["thresholds"]["token"], after["thresholds"]["client"]) == (
        [365.5, 30],
        [],
        [90, 30, 14, 7, 3, 1],
    )
    assert (after["watchdog"]["url_set"], after["watchdog"]["from_environment"], after["watchdog"]["host"]) == (True, False, "hc.example")
    assert "4f2c" not in answer.content.decode()
    same = send(client, "PUT", "settings/alerts/", {"thresholds": after["thresholds"]}).json()
    assert (same["thresholds"], same["watchdog"]["host"]) == (after["thresholds"], "hc.example")
    assert send(client, "PUT", "settings/alerts/", {"watchdog_url": None}).json()["watchdog"]["url_set"] is False


def test_the_environment_overrides_the_watchdog_url(client: Client, zone: TrustZone, settings: Any) -> None:
    settings.QMC_WATCHDOG_URL = "https://other.example/ping/x"
    shown = send(client, "PUT", "settings/alerts/", {"watchdog_url": URL}).json()["watchdog"]
    assert (shown["url_set"], shown["from_environment"], shown["host"]) == (True, True, "other.example")


RULES = {
    "a text as a threshold": ({"thresholds": {"root": ["30"]}}, ["thresholds"]),
    "a huge threshold": ({"thresholds": {"root": [10**400]}}, ["thresholds"]),
    "true as a threshold": ({"thresholds": {"root": [True]}}, ["thresholds"]),
    "an unknown kind": ({"thresholds": {"passport": [30]}}, ["thresholds"]),
    "half a character as a kind": ({"thresholds": {"\ud800": [30]}}, ["thresholds"]),
    "a list of thresholds": ({"thresholds": [30]}, ["thresholds"]),
    "a number as a URL": ({"watchdog_url": 7}, ["watchdog_url"]),
    "no URL": ({"watchdog_url": "hc.example"}, ["watchdog_url"]),
}


@pytest.mark.parametrize(("body", "fields"), RULES.values(), ids=RULES.keys())
def test_invalid_rules_are_refused_by_field(client: Client, zone: TrustZone, body: dict[str, Any], fields: list[str]) -> None:
    answer = send(client, "PUT", "settings/alerts/", body)
    assert (answer.status_code, error_fields(answer.json())) == (400, fields)


def preview(client: Client, query: str) -> Any:
    return send(client, "GET", f"alerts/preview/?{query}")


def test_the_preview_says_who_would_get_an_alert_and_when(client: Client, channel: Channel) -> None:
    day = Channel.objects.create(name="Day", kind="webhook", values=HOOK, created_at=NOW, changed_at=NOW)
    Channel.objects.create(name="Off", kind="webhook", values=HOOK, enabled=False, created_at=NOW, changed_at=NOW)
    route = Route.objects.create(channel=day, codes=["node-*"], from_minute=8 * 60, until_minute=17 * 60, created_at=NOW)
    at = timezone.now().replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=1)
    found = preview(client, f"code=node-silent&severity=critical&at={at:%Y-%m-%dT%H:%M:%SZ}").json()
    assert [(row["channel_name"], row["due_at"], row["route"]) for row in found["receivers"]] == [
        ("Day", f"{at:%Y-%m-%d}T08:00:00Z", str(route.pk)), ("Operations", f"{at:%Y-%m-%dT%H:%M:%SZ}", None),
    ]  # fmt: skip
    assert (found["is_example"], found["others"][0]["channel_name"], found["others"][0]["reason"]) == (True, "Off", "it is off")
    opened()
    found = preview(client, "code=node-silent&severity=critical").json()
    assert (found["is_example"], found["receivers"][1]["title"]) == (False, "Critical: rim1 has not called for 3 h")
    assert not Message.objects.exclude(alert__subject="rim1").exists()
    found = preview(client, "code=root-expired&severity=info").json()
    assert found["receivers"] == []


PREVIEWS = {
    "": ["code", "severity"], "code=node-silent": ["severity"], "code=x&severity=critical": ["code"], "code=node-silent&severity=fatal": ["severity"],
    "code=node-silent&severity=info&at=0001-01-01T00:00:00%2B23:59": ["at"], "code=node-silent&severity=info&at=9999-12-31T23:59:59-23:59": ["at"],
    "code=node-silent&severity=info&at=tomorrow": ["at"], "code=node-silent&severity=info&when=now": ["when"],
}  # fmt: skip


@pytest.mark.parametrize(("query", "fields"), PREVIEWS.items())
def test_an_invalid_preview_is_refused_by_field(client: Client, channel: Channel, query: str, fields: list[str]) -> None:
    answer = preview(client, query)
    assert (answer.status_code, error_fields(answer.json())) == (400, fields)


def test_the_page_of_the_preview_refuses_a_distant_time(client: Client, channel: Channel) -> None:
    for at in ("0001-01-01T00:00", "9999-12-31T23:59"):
        page = client.get(f"/alerts/preview/?code=node-silent&severity=critical&at={at}&time_zone=Asia/Tokyo", secure=True)
        assert (page.status_code, "at most 366 days from now" in page.content.decode()) == (200, True)


def test_an_answer_costs_a_fixed_number_of_queries(client: Client, channel: Channel) -> None:
    alert = opened()

    def more(numbers: range) -> None:
        for number in numbers:
            made = channel_create(actor=SYSTEM, name=f"Hook {number}", kind="webhook", values=HOOK, now=NOW)
            Route.objects.create(channel=made, created_at=NOW)
            delivery = Delivery.objects.create(channel=made, state="sent", title="x", created_at=NOW, changed_at=NOW)
            message = Message.objects.create(alert=alert, number=number, change="reminded", at=NOW, severity="critical", title="x")
            QueuedMessage.objects.create(message=message, channel=made, due_at=NOW, delivery=delivery)
            opened(f"rim{number}")

    paths = (
        f"alerts/{alert.pk}/", "alerts/", "alert-channels/", "alert-routes/", f"alert-channels/{channel.pk}/deliveries/",
        "alerts/preview/?code=node-silent&severity=critical",
    )  # fmt: skip
    counts: list[list[int]] = []
    for numbers in (range(2, 4), range(4, 9)):
        more(numbers)
        counts.append([])
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                assert send(client, "GET", path).status_code == 200
            counts[-1].append(len(queries))
    assert counts[0] == counts[1], dict(zip(paths, zip(*counts, strict=True), strict=True))


DOORS = {
    "GET alerts/preview/?code=node-silent&severity=info": "alerts.view_channel",
    "POST alert-channels/{channel}/test/": "alerts.change_channel",
    "GET alert-channels/{channel}/deliveries/": "alerts.view_channel",
    "GET alert-channels/": "alerts.view_channel",
    "POST alert-channels/": "alerts.add_channel",
    "GET alert-channels/{channel}/": "alerts.view_channel",
    "PATCH alert-channels/{channel}/": "alerts.change_channel",
    "DELETE alert-channels/{channel}/": "alerts.delete_channel",
    "GET settings/alerts/": "alerts.view_rules",
    "PUT settings/alerts/": "alerts.change_rules",
    "GET alerts/": "alerts.view_alert",
    "GET alerts/{alert}/": "alerts.view_alert",
    "POST alerts/{alert}/acknowledge/": "alerts.change_alert",
    "GET alert-routes/": "alerts.view_route",
    "POST alert-routes/": "alerts.add_route",
    "GET alert-routes/{route}/": "alerts.view_route",
    "PATCH alert-routes/{route}/": "alerts.change_route",
    "DELETE alert-routes/{route}/": "alerts.delete_route",
}
BODIES: dict[str, Any] = {
    "POST alert-channels/": {"name": "Hook", "kind": "webhook", "values": HOOK},
    "POST alert-routes/": {"channel": "{channel}"},
}


@pytest.mark.parametrize("door", DOORS)
def test_each_operation_needs_its_permission(client: Client, alert: Alert, channel: Channel, door: str) -> None:
    route = Route.objects.create(channel=channel, created_at=NOW)
    rows = {"{alert}": str(alert.pk), "{channel}": str(channel.pk), "{route}": str(route.pk)}
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
