"""The rules of alerts, among the settings of the site."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from alerts.rules.models import rules_current
from alerts.rules.thresholds import DEFAULT_DAYS
from alerts.watchdog.status import watchdog_url
from attention.expiring import KINDS
from web.site_settings import Group, Setting, settings_register
from web.words import listed


def _days() -> str:
    return f"{listed([f'{days:g}' for days in DEFAULT_DAYS])} days before the expiry date"


@settings_register("alerts.view_rules")
def settings() -> Iterator[Setting]:
    rules = rules_current()
    own = [kind.replace("_", " ") for kind in KINDS if kind in rules.thresholds]
    yield Setting(
        "expiry-thresholds", Group.ALERTS, "Expiry thresholds", "How long before an expiry date an alert opens or becomes critical.",
        f"{_days()}; other days for {listed(own)}" if own else _days(), _days(), view="alert_rules", actions=("rules.changed",),
    )  # fmt: skip
    host = urlsplit(watchdog_url()).hostname
    yield Setting(
        "watchdog", Group.ALERTS, "Watchdog", "Which service outside the site notifies you if this console is silent.",
        host or "none", "none", view="alert_rules", actions=("rules.changed",), environment="QMC_WATCHDOG_URL",
    )  # fmt: skip
