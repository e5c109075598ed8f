"""The page and the API of all settings: complete, in words, with origin and last change."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.actors import SYSTEM
from audit.event_lines import _wordings
from certs.lifetime.services import lifetime_set
from people.roles.groups import role_give
from people.roles.registry import Role
from qmc.installation import NAMES
from qmc.site_settings.view_models import SettingsPage, settings_page
from web.page import may_open
from web.site_settings import Group, Origin, Setting, site_settings

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MOST_QUERIES = 20


@pytest.fixture
def every(site_directory: Path) -> list[Setting]:
    return [*site_settings(SYSTEM)]


def by_name(found: SettingsPage) -> dict[str, Any]:
    return {line.setting.name: line for group in found.groups for line in group.lines}


def test_every_variable_of_the_installation_is_shown(every: list[Setting]) -> None:
    assert {setting.environment for setting in every} - {""} == {*NAMES} - {"QMC_PROCESS"}


def test_every_setting_says_in_a_sentence_what_it_changes(every: list[Setting]) -> None:
    assert len({setting.name for setting in every}) == len(every) > 30
    assert {setting.group for setting in every} == {*Group}
    for setting in every:
        assert setting.changes[0].isupper(), setting
        assert setting.changes.endswith("."), setting
        assert setting.value, setting


def test_pages_and_events_of_every_setting_exist(every: list[Setting]) -> None:
    assert [setting.name for setting in every if setting.view and not may_open(SYSTEM, setting.view)] == []
    assert [action for setting in every for action in setting.actions if action not in _wordings] == []


def test_a_change_names_its_person_and_the_default(site_directory: Path, admin_user: User, admin_client: Client) -> None:
    before = by_name(settings_page("", SYSTEM))["lifetime"]
    assert (before.origin, before.changed, before.default) == ("default", None, "")
    lifetime_set(actor=SYSTEM, months=24, now=NOW)
    line = by_name(settings_page("", SYSTEM))["lifetime"]
    assert (line.setting.value, line.origin, line.default) == ("24 months", "set on this site", "60 months")
    assert (line.changed.actor, line.changed.at) == (SYSTEM.label, NOW)
    shown = admin_client.get("/settings/", secure=True).content.decode()
    assert "24 months" in shown
    assert f"by {SYSTEM.label}" in shown


def test_a_variable_of_the_environment_is_named(site_directory: Path, settings: Any) -> None:
    settings.INSTALLATION = replace(settings.INSTALLATION, given=frozenset({"QMC_BASE_URL"}))
    settings.QMC_BASE_URL = "https://console.example"
    line = by_name(settings_page("", SYSTEM))["base-url"]
    assert (line.setting.value, line.origin) == ("https://console.example", "QMC_BASE_URL in the environment")


def test_no_value_has_a_password(site_directory: Path, settings: Any) -> None:
    settings.INSTALLATION = replace(settings.INSTALLATION, broker_url="redis://user:secret-word@broker.example:6379/1")
    assert by_name(settings_page("", SYSTEM))["broker-url"].setting.value == "redis://***@broker.example:6379/1"


@pytest.mark.parametrize(
    ("searched", "found"), [("lifetime new", "lifetime"), ("QMC_HEARTBEAT_S", "heartbeat-s"), ("watchdog", "watchdog")]
)
def test_a_search_finds_words_variables_and_values(site_directory: Path, searched: str, found: str) -> None:
    page = settings_page(searched, SYSTEM)
    assert found in by_name(page)
    assert page.count.startswith(f"{len(by_name(page))} of ")
    assert settings_page(searched + " qwertyuiop", SYSTEM).groups == []


def test_people_see_the_settings_of_their_role_and_names_only_with_the_audit_log(site_directory: Path, client: Client) -> None:
    lifetime_set(actor=SYSTEM, months=24, now=NOW)
    viewer = User.objects.create_user("vic")
    role_give(viewer, Role.VIEWER)
    client.force_login(viewer)
    shown = {row["name"]: row for row in client.get("/api/v1/settings/", secure=True).json()["settings"]}
    assert shown["lifetime"]["value"] == "24 months"
    assert shown["lifetime"]["changed_by"] is None
    assert "provider" not in shown
    assert "Change" not in client.get("/settings/?search=watchdog", secure=True).content.decode().partition('id="settings"')[2]


def test_the_api_has_every_setting_with_its_origin(site_directory: Path, admin_client: Client, every: list[Setting]) -> None:
    lifetime_set(actor=SYSTEM, months=24, now=NOW)
    shown = {row["name"]: row for row in admin_client.get("/api/v1/settings/", secure=True).json()["settings"]}
    assert shown.keys() == {setting.name for setting in every}
    assert shown["lifetime"] == {
        "name": "lifetime", "group": "Certificates", "title": "Lifetime of new certificates",
        "changes": "How long a new certificate is valid. Certificates that exist keep their expiry date.", "value": "24 months",
        "default": "60 months", "origin": Origin.SITE_DATA, "environment": "", "changed_at": "2026-11-30T12:00:00Z", "changed_by": SYSTEM.label,
    }  # fmt: skip
    assert shown["version"]["origin"] == Origin.FIXED


def test_the_page_asks_few_queries(site_directory: Path, admin_client: Client, django_assert_max_num_queries: Any) -> None:
    admin_client.get("/settings/", secure=True)
    with django_assert_max_num_queries(MOST_QUERIES):
        admin_client.get("/settings/", secure=True)
