"""The calendar of expiry dates: what it has, and who reads it."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from icalendar import Calendar

from certs.models import TrustZone
from people.models import ApiToken
from people.roles.groups import role_give
from people.roles.registry import Role
from people.tokens.models import Scope
from qmc.expiry import calendar
from tests import factories

pytestmark = pytest.mark.django_db
FILE = "/expiry.ics"


def token(*roles: Role, name: str = "ann", **fields: Any) -> str:
    user = User.objects.create_user(name)
    for role in roles:
        role_give(user, role)
    return factories.token(user, "calendar", at=timezone.now(), **{"scopes": [Scope.CALENDAR]} | fields)


def made(machine: str, lasts: timedelta) -> Any:
    now = timezone.now()
    return factories.export(machine, at=now, made_at=now, made_generation=1, not_after=now + lasts)


def read(given: str, **options: Any) -> Any:
    return Client().get(FILE, {"token": given} if given else {}, secure=True, **options)


def events(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("text/calendar; charset=utf-8", "no-store")
    return {str(event["UID"]): event for event in Calendar.from_ical(answer.content).walk("VEVENT")}


def test_what_requires_an_action_has_its_day_and_the_rest_is_counted_by_month(zone: TrustZone) -> None:
    given = token(Role.ROOT_ADMIN)
    name = "db1\r\nBEGIN:VEVENT\r\nSUMMARY:forged, with; marks.example"
    export = made(name, timedelta(days=20))
    found = events(read(given))
    own = found[f"export-{export.pk}@testserver"]
    assert own["DTSTART"].dt == export.not_after.date()
    assert name.replace("\r\n", "\n") in str(own["SUMMARY"])
    assert str(own["URL"]) == f"https://testserver/exports/{export.pk}/"
    assert "bring the new files to the machine" in str(own["DESCRIPTION"])
    clients = [event for uid, event in found.items() if uid.startswith("automatic-client-")]
    assert [str(event["SUMMARY"]) for event in clients] == ["Automatic: 1 client certificate replaced"]
    assert len(found) == len(set(found))
    assert events(read(given)).keys() == found.keys()  # the same identities each time
    assert events(read("", headers={"Authorization": f"Bearer {given}"})).keys() == found.keys()
    assert Client().head(FILE, {"token": given}, secure=True).status_code == 200
    assert Client().post(f"{FILE}?token={given}", secure=True).status_code == 405


def test_more_than_the_calendar_has_is_counted(zone: TrustZone, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        made(f"m{number}.example", timedelta(days=20 + number))
    given = token(Role.ROOT_ADMIN)
    before = {uid for uid in events(read(given)) if not uid.startswith("automatic-")}
    monkeypatch.setattr(calendar, "MOST", 2)
    found = {uid: event for uid, event in events(read(given)).items() if not uid.startswith("automatic-")}
    assert len(found) == 3
    assert str(found["more@testserver"]["SUMMARY"]) == f"{len(before) - 2} things that require an action expire later."


def test_a_role_without_reasons_gets_none(zone: TrustZone) -> None:
    given = token(Role.VIEWER)
    found = events(read(given))
    texts = [str(event["DESCRIPTION"]) for uid, event in found.items() if not uid.startswith("automatic-")]
    assert texts
    assert [text for text in texts if not text.endswith("is responsible for it.")] == []


def test_nobody_else_reads_it_and_the_token_opens_nothing_else(zone: TrustZone, caplog: pytest.LogCaptureFixture) -> None:
    given = token(Role.ROOT_ADMIN)
    other = token(Role.ROOT_ADMIN, name="bob", scopes=[Scope.READ])
    bare = token(name="eve")
    refusals = {
        "": (401, "?token="), given[:-1]: (401, "whole"), "0" * 64: (401, "unknown"), other: (401, "revoke it"), bare: (403, "Viewer"),
    }  # fmt: skip
    with caplog.at_level(logging.DEBUG):
        for wrong, (status, words) in refusals.items():
            answer = read(wrong)
            assert (answer.status_code, answer["Content-Type"]) == (status, "text/plain; charset=utf-8")
            assert words in answer.content.decode()
            assert not wrong or wrong.encode() not in answer.content
        assert Client().get("/api/v1/nodes/", {"token": given}, secure=True).status_code in (400, 401)
        for address in ("/api/v1/nodes/", "/api/v1/expiry/", "/api/v1/tokens/"):
            refused = Client(headers={"Authorization": f"Bearer {given}"}).get(address, secure=True)
            assert refused.status_code == 403
            assert "scope" in refused.json()["detail"]
        ApiToken.objects.filter(name="calendar").update(revoked_at=timezone.now())
        assert read(given).status_code == 401
    assert not any(word in caplog.text for word in (given, other, bare))


def test_a_page_makes_the_address(zone: TrustZone) -> None:
    client = factories.administrator()
    assert b"/tokens/new/?for=calendar" in client.get("/expiry/", secure=True).content
    form = client.get("/tokens/new/?for=calendar", secure=True).content.decode()
    assert 'value="calendar"' in form
    given = {"name": "calendar", "scopes": ["calendar"], "days": "366", "role": ""}
    owner = User.objects.get(username="ann").person.pk
    made = client.post("/tokens/new/", given | {"owner": str(owner)}, secure=True).content.decode()
    address = made.partition("https://testserver")[2].partition("<")[0]
    assert address.startswith(f"{FILE}?token=qmc_")
    assert events(Client().get(address, secure=True))
