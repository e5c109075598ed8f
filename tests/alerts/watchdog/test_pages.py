"""The page of the rules of alerts: thresholds and the watchdog URL."""

from pathlib import Path

import pytest

from alerts.rules.models import rules_current
from tests import factories
from tests.alerts.board.test_list import asked
from tests.alerts.routes.test_pages import posted

pytestmark = pytest.mark.django_db
RULES = "/alerts/rules/"


def test_thresholds_and_the_watchdog_url_are_saved(site_directory: Path) -> None:
    client = factories.administrator()
    page = asked(client, RULES)
    assert 'placeholder="90, 30, 14, 7, 3, 1"' in page
    assert "Remove the watchdog URL" not in page
    status, page = posted(client, RULES, days_of_root="365, 90", days_of_export="none", watchdog_url="https://hc.example/ping/secret")
    assert status == 200
    assert "Saved." in page
    assert 'value="365, 90"' in page
    assert 'value="none"' in page
    assert "It is set, at hc.example." in page
    assert "secret" not in page
    rules = rules_current()
    assert rules.thresholds == {"root": [365.0, 90.0], "export": []}
    assert rules.watchdog_url is not None
    assert rules.watchdog_url.text() == "https://hc.example/ping/secret"
    posted(client, RULES, days_of_root="365, 90")
    assert rules_current().watchdog_url is not None
    posted(client, RULES, clear_watchdog_url="on")
    assert (rules_current().watchdog_url, rules_current().thresholds) == (None, {})


def test_what_is_wrong_is_said_beside_its_field(site_directory: Path) -> None:
    client = factories.administrator()
    status, page = posted(client, RULES, days_of_root="9, 9", days_of_token="-1", watchdog_url="ftp://x/y")
    assert status == 400
    assert 'id="id_days_of_root_error"' in page
    assert "Each threshold can be given once." in page
    assert 'id="id_days_of_token_error"' in page
    assert "id_watchdog_url_error" in page
    assert "ftp://x/y" not in page
    assert 'value="9, 9"' in page
    assert "Enter numbers of days" in posted(client, RULES, days_of_root="soon")[1]


def test_the_environment_has_priority(site_directory: Path, settings: object) -> None:
    settings.QMC_WATCHDOG_URL = "https://hc.example/ping/secret"  # type: ignore[attr-defined]
    page = asked(factories.administrator(), RULES)
    assert "<code>QMC_WATCHDOG_URL</code> in the environment overrides this page." in page
    assert "secret" not in page
