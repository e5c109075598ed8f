"""How often nodes call: the console sets two limits, the environment overrides each, and heartbeats answer it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.actors import SYSTEM
from audit.models import Event
from certs.models import TrustZone
from nodes.calls.services import CallLimits, call_limits, call_limits_set
from nodes.calls.settings import settings as call_settings
from nodes.inventory.counts import regular_interval_now
from web.errors import InputInvalid
from web.site_settings import Origin

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
API, PAGE = "/api/v1/settings/calls/", "/settings/calls/"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_override(site_directory: Path, settings: Any) -> None:
    given = settings.INSTALLATION.given - {"QMC_HEARTBEAT_S", "QMC_HEARTBEAT_MAX_S"}
    settings.INSTALLATION = replace(settings.INSTALLATION, given=given)


def test_nodes_are_told_to_call_within_the_limits_of_the_site() -> None:
    assert call_limits() == CallLimits(60, 600)
    call_limits_set(actor=SYSTEM, limits={"least_s": 900, "most_s": 1200}, now=NOW)
    assert regular_interval_now() == 900
    assert Event.objects.get(action="calls.set").detail == {"least_s": {"from": 60, "to": 900}, "most_s": {"from": 600, "to": 1200}}
    call_limits_set(actor=SYSTEM, limits={"least_s": 60, "most_s": 600}, now=NOW)
    call_limits_set(actor=SYSTEM, limits={"least_s": 60}, now=NOW)
    zone = TrustZone.objects.get()
    assert (zone.heartbeat_s, zone.heartbeat_max_s, Event.objects.filter(action="calls.set").count()) == (None, None, 2)


@pytest.mark.parametrize(
    ("limits", "field"),
    [({"least_s": 0}, "least_s"), ({"most_s": 3601}, "most_s"), ({"least_s": 601}, "most_s"), ({"least_s": 90, "most_s": 80}, "most_s")],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int], field: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        call_limits_set(actor=SYSTEM, limits=limits, now=NOW)
    assert list(refused.value.errors) == [field]
    assert call_limits() == CallLimits(60, 600)


def test_the_environment_overrides_each_limit(settings: Any, admin_client: Client) -> None:
    settings.INSTALLATION = replace(settings.INSTALLATION, given=settings.INSTALLATION.given | {"QMC_HEARTBEAT_S"})
    settings.QMC_HEARTBEAT_S = 7
    call_limits_set(actor=SYSTEM, limits={"least_s": 90, "most_s": 700}, now=NOW)
    assert call_limits() == CallLimits(7, 700)
    assert "<code>QMC_HEARTBEAT_S=7</code>" in admin_client.get(PAGE, secure=True).content.decode()
    assert [setting.origin for setting in call_settings()] == [Origin.ENVIRONMENT, Origin.SITE_DATA]


def test_page_and_api_set_the_same(admin_client: Client) -> None:
    answer = admin_client.put(API, {"least_s": 30}, content_type="application/json", secure=True)
    assert answer.json() == {"least_s": 30, "most_s": 600}
    page = admin_client.post(PAGE, {"least_s": "30", "most_s": "900"}, secure=True)
    assert page["Location"] == f"{PAGE}?saved"
    assert admin_client.get(API, secure=True).json() == {"least_s": 30, "most_s": 900}
    refused = admin_client.post(PAGE, {"least_s": "99999", "most_s": "many"}, secure=True)
    assert (refused.status_code, "Enter a whole number of seconds." in refused.content.decode()) == (400, True)
